# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host needs to join: a bootstrap token, and for control planes the cluster's certificates; both for minutes.

A token is a Secret in kube-system (https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/). Ours are
known by their description, so that those of a run that was killed are revoked by the next one. The certificates are
uploaded by kubeadm itself, encrypted with a key that is made here and is nowhere but in the configuration of the joins.
"""

from __future__ import annotations

import base64
import json
import secrets
import string
import time
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.uplift.kubeadm.plugins.module_utils import _running, _x509, _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, ApiError, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import KUBE_SYSTEM
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import write_private
from ansible_collections.uplift.kubeadm.plugins.module_utils._kubeadm import complaint

DESCRIPTION = "uplift.kubeadm: joins nodes that replace others, and is revoked when they have joined"
GROUP = "system:bootstrappers:kubeadm:default-node-token"  # what kubeadm's own RBAC lets join
TYPE = "bootstrap.kubernetes.io/token"
CERTIFICATES = "kubeadm-certs"  # kubeadm's name of the Secret, cmd/kubeadm/app/constants
MARK = "uplift.kubeadm/uploaded"
SIGN_SECONDS = 60.0  # the controller manager signs cluster-info for a new token
RUN = Path("run/uplift-kubeadm")  # a tmpfs on machines with systemd
_ALPHABET = string.ascii_lowercase + string.digits


class Ticket(t.NamedTuple):
    """endpoint: host:port of the API, as cluster-info has it. ca_hashes: of the authority's public keys."""

    token: str
    endpoint: str
    ca_hashes: list[str]


def issue(api: Api, ttl: int, sign_seconds: float = SIGN_SECONDS) -> Ticket:
    """Make a token that lasts so many seconds, and wait until it can be used.

    :raises UpliftError: cluster-info is missing, or is not signed for the token in time.
    """
    info = _cluster_info(api)
    endpoint, hashes = discovery(info)
    name, secret = (_random(6), _random(16))
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(api.now() + ttl))
    data = {
        "token-id": name,
        "token-secret": secret,
        "description": DESCRIPTION,
        "expiration": ends,
        "usage-bootstrap-authentication": "true",
        "usage-bootstrap-signing": "true",
        "auth-extra-groups": GROUP,
    }
    body = {
        "metadata": {"name": f"bootstrap-token-{name}", "namespace": "kube-system"},
        "type": TYPE,
        "stringData": data,
    }
    api.create(f"{KUBE_SYSTEM}/secrets", {"apiVersion": "v1", "kind": "Secret", **body})
    deadline = time.monotonic() + sign_seconds
    while f"jws-kubeconfig-{name}" not in (_cluster_info(api).get("data") or {}):
        if time.monotonic() >= deadline:
            raise UpliftError(
                f"The ConfigMap kube-public/cluster-info was not signed for the new bootstrap token within "
                f"{sign_seconds:g} s, so that no host could trust it. The controller manager does that (controller "
                "bootstrapsigner): is one running, with --controllers=*,bootstrapsigner,tokencleaner?"
            )
        time.sleep(0.5)
    return Ticket(f"{name}.{secret}", endpoint, hashes)


def revoke(api: Api, dry_run: bool = False) -> list[str]:
    """Delete our tokens, and the certificates that we had uploaded; names of the Secrets that are gone."""
    listed: list[Object] = api.list(f"{KUBE_SYSTEM}/secrets", {"fieldSelector": f"type={TYPE}"})
    names = [secret["metadata"]["name"] for secret in listed if _text(secret, "description") == DESCRIPTION]
    uploaded = api.find(f"{KUBE_SYSTEM}/secrets/{CERTIFICATES}")
    if uploaded is not None and MARK in (uploaded["metadata"].get("annotations") or {}):
        owners = uploaded["metadata"].get("ownerReferences") or []  # kubeadm's token, by whose end the Secret ends
        names += [CERTIFICATES, *(owner["name"] for owner in owners if owner.get("kind") == "Secret")]
    for name in [] if dry_run else names:
        try:
            api.delete(f"{KUBE_SYSTEM}/secrets/{name}")
        except ApiError as error:
            if error.status != 404:
                raise
    return names


def upload(api: Api, runner: Runner, kubeadm: str, cri_socket: str | None, root: Path) -> str:
    """Have kubeadm upload this control plane's certificates, and return the key that opens them.

    :raises UpliftError: kubeadm fails.
    """
    config_map = api.get(f"{KUBE_SYSTEM}/configmaps/kubeadm-config")
    cluster = config_map["data"]["ClusterConfiguration"]
    version = _yaml.load(cluster, "ClusterConfiguration")["apiVersion"]
    key = secrets.token_hex(32)
    own: Object = {"apiVersion": version, "kind": "InitConfiguration", "certificateKey": key}
    if cri_socket:
        own["nodeRegistration"] = {"criSocket": cri_socket}
    folder = root / RUN
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "upload.yaml"
    write_private(file, f"{json.dumps(own)}\n---\n{cluster}")
    try:
        words = ["init", "phase", "upload-certs", "--upload-certs", "--skip-certificate-key-print", f"--config={file}"]
        done = runner.run([kubeadm, *words], timeout=120)
    finally:
        file.unlink()
    if done.rc:
        raise UpliftError(
            f"kubeadm could not upload the certificates for new control planes: {complaint(done.err or done.out)}"
        )
    api.patch(f"{KUBE_SYSTEM}/secrets/{CERTIFICATES}", {"metadata": {"annotations": {MARK: "true"}}})
    return key


def secure_port(root: Path) -> int:
    """The port of this control plane's API server: others that join are to listen there as well.

    kubeadm keeps it in no configuration of the cluster (localAPIEndpoint.bindPort is each control plane's own), and
    takes 6443 for a new one. The load balancer of the API goes by one port for all.

    :raises UpliftError: there is no API server here.
    """
    server = _running.manifests(root).get("kube-apiserver")
    if server is None:
        raise UpliftError(f"This host has no /{_running.MANIFESTS}/kube-apiserver.yaml: it is no control plane node.")
    return int(server.flags.get("secure-port") or "6443")


def discovery(cluster_info: Object) -> tuple[str, list[str]]:
    """(host:port of the API, hashes of the authority's public keys as kubeadm join takes them) from cluster-info. Pure.

    :raises UpliftError: it is no kubeconfig of one cluster.
    """
    try:
        config = _yaml.load(cluster_info["data"]["kubeconfig"], "cluster-info")
        cluster = config["clusters"][0]["cluster"]
        url = urlsplit(cluster["server"])
        host = f"[{url.hostname}]" if url.hostname and ":" in url.hostname else url.hostname
        pem = base64.b64decode(cluster["certificate-authority-data"]).decode("ascii")
        hashes = [f"sha256:{digest}" for digest in _x509.key_hashes(pem)]
        return f"{host}:{url.port or 443}", hashes
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UpliftError(
            f"The ConfigMap kube-public/cluster-info, by which hosts find the cluster, cannot be used ({error!r}). "
            "kubeadm writes it anew: kubeadm init phase bootstrap-token."
        ) from error


def _cluster_info(api: Api) -> Object:
    found = api.find("/api/v1/namespaces/kube-public/configmaps/cluster-info")
    if found is None:
        raise UpliftError(
            "The cluster has no ConfigMap kube-public/cluster-info, by which hosts that join find it. kubeadm "
            "writes it anew: kubeadm init phase bootstrap-token."
        )
    return found


def _text(secret: Object, key: str) -> str:
    return base64.b64decode((secret.get("data") or {}).get(key) or "").decode(errors="replace")


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _unused in range(length))
