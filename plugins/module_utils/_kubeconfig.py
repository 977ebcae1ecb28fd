# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubeconfig says about its current context: server, trust and credentials."""

from __future__ import annotations

import base64
import binascii
import os
import typing as t
from dataclasses import dataclass

from ansible_collections.uplift.kubeadm.plugins.module_utils import _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError


@dataclass(frozen=True)
class Kubeconfig:
    """The current context of one kubeconfig file; PEM as bytes, never in repr and so never in a message."""

    path: str
    server: str
    ca: bytes | None
    certificate: bytes | None
    key: bytes | None
    token: str | None
    verify: bool
    tls_server_name: str | None

    def __repr__(self) -> str:
        return f"Kubeconfig({self.path}, {self.server})"


def load(path: str) -> Kubeconfig:
    """Read the current context of the kubeconfig at path.

    :raises UpliftError: there is no such file, it cannot be read or parsed, its current context leads nowhere,
        or its user authenticates in a way that only the package kubernetes knows (exec plugins, auth providers).
    """
    config = _yaml.load(_read(path, "The kubeconfig").decode("utf-8", "replace"), f"The kubeconfig {path}")
    if not isinstance(config, dict):
        raise UpliftError(
            f"The kubeconfig {path} is empty or is no mapping; kubeadm writes one to /etc/kubernetes/admin.conf."
        )
    current = config.get("current-context")
    if not current:
        raise UpliftError(f"The kubeconfig {path} has no current-context; set one with «kubectl config use-context».")
    context = _entry(config, "contexts", "context", current, path)
    cluster = _entry(config, "clusters", "cluster", context.get("cluster"), path)
    user = _entry(config, "users", "user", context.get("user"), path)
    for way in ("exec", "auth-provider"):
        if user.get(way):
            raise UpliftError(
                f"The user {context.get('user')!r} of the kubeconfig {path} authenticates by «{way}», which the "
                "transport "
                "«stdlib» does not do. Use «transport: kubernetes» (it needs the Python package kubernetes)."
            )
    if cluster.get("proxy-url"):
        raise UpliftError(
            f"The kubeconfig {path} names a proxy-url, which the transport «stdlib» does not use. Use "
            "«transport: kubernetes»."
        )
    server = cluster.get("server")
    if not isinstance(server, str) or not server.startswith(("https://", "http://")):
        raise UpliftError(
            f"The kubeconfig {path} names no server URL for the cluster {context.get('cluster')!r} (found {server!r})."
        )
    token = user.get("token")
    if user.get("tokenFile"):
        token = (
            _read(_beside(path, user["tokenFile"]), f"The tokenFile of the kubeconfig {path},")
            .decode("ascii", "replace")
            .strip()
        )
    return Kubeconfig(
        path=path,
        server=server.rstrip("/"),
        ca=_pem(cluster, "certificate-authority", path),
        certificate=_pem(user, "client-certificate", path),
        key=_pem(user, "client-key", path),
        token=token,
        verify=not cluster.get("insecure-skip-tls-verify", False),
        tls_server_name=cluster.get("tls-server-name"),
    )


def _entry(config: dict[str, t.Any], section: str, kind: str, name: t.Any, path: str) -> dict[str, t.Any]:
    entries = config.get(section) or []
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(kind) or {}, dict):
            return entry.get(kind) or {}
    raise UpliftError(f"The kubeconfig {path} refers to the {kind} {name!r} and has none of that name.")


def _pem(entry: dict[str, t.Any], field: str, path: str) -> bytes | None:
    """The PEM of a field: from FIELD-data (base64), which wins as in kubectl, or from the file that FIELD names."""
    data = entry.get(f"{field}-data")
    if data:
        try:
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError, TypeError) as e:
            raise UpliftError(f"{field}-data in the kubeconfig {path} is not base64; write the file anew.") from e
    if entry.get(field):
        return _read(_beside(path, entry[field]), f"The {field} of the kubeconfig {path},")
    return None


def _beside(path: str, reference: str) -> str:
    """A relative reference in a kubeconfig is meant from where the file is."""
    return os.path.join(os.path.dirname(os.path.abspath(path)), reference)


def _read(path: str, what: str) -> bytes:
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError as e:
        raise UpliftError(
            f"{what} {path} does not exist on this host. API modules run on a control plane node, which has "
            "/etc/kubernetes/admin.conf, unless another host and kubeconfig are named."
        ) from e
    except OSError as e:
        raise UpliftError(
            f"{what} {path} cannot be read: {e.strerror}. It belongs to root as a rule: become is needed."
        ) from e
