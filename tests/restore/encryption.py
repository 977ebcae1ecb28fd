# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encryption at rest, as an administrator turns it on: a key on each control plane, and a flag of the API server."""

from __future__ import annotations

import base64
import json
import secrets

from scenario.kube import Kube, KubeError
from scenario.world import World, wait

FILE = "/etc/kubernetes/pki/encryption.yaml"  # a folder that the API server sees anyway
CONFIG = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"


def configuration() -> str:
    """An EncryptionConfiguration with a new key."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    providers = [{"aescbc": {"keys": [{"name": "key1", "secret": key}]}}, {"identity": {}}]
    kind = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration"}
    return json.dumps({**kind, "resources": [{"resources": ["secrets"], "providers": providers}]})


def write_key(made: World, text: str) -> None:
    """The same key on every control plane. It is read when an API server starts."""
    for host in made.control_planes:
        made.on(host, f"umask 077; cat > {FILE} <<'END'\n{text}\nEND")


def turn_on(made: World, kube: Kube) -> None:
    """Key, flag in the running static pods, and flag in kubeadm's configuration, so that upgrades keep it."""
    write_key(made, configuration())
    for host in made.control_planes:
        manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
        made.on(host, f"sed -i 's|^    - kube-apiserver$|&\\n    - --encryption-provider-config={FILE}|' {manifest}")
        wait(f"the API server of {host} to encrypt", lambda host=host: encrypts(made, host), 180)  # type: ignore[misc]
    text = kube.patient("GET", CONFIG)["data"]["ClusterConfiguration"]
    changed = text.replace("  extraArgs:\n", f"  extraArgs:\n    encryption-provider-config: {FILE}\n", 1)
    kube.patient("PATCH", CONFIG, {"data": {"ClusterConfiguration": changed}})


def encrypts(made: World, host: str) -> bool:
    """Whether the API server of a control plane runs with the flag, and answers."""
    flag = f"grep -q {FILE} /proc/$(pgrep -x kube-apiserver)/cmdline"
    script = f"{flag} && kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz"
    return made.on(host, script, check=False) == "ok"


def stored(made: World, secret: str) -> bytes:
    """How a Secret stands in etcd."""
    pki = "/etc/kubernetes/pki/etcd"
    etcdctl = "/var/lib/uplift-kubeadm/backup/programs/etcd-*/etcdctl"
    options = f"--cacert {pki}/ca.crt --cert {pki}/healthcheck-client.crt --key {pki}/healthcheck-client.key"
    path = f"/registry/secrets/drill/{secret}"
    return made.on(made.control_planes[0], f"{etcdctl} {options} get {path} --print-value-only | head -c 14").encode()


def readable(kube: Kube, secret: str) -> bool:
    try:
        return bool(kube.patient("GET", f"/api/v1/namespaces/drill/secrets/{secret}"))
    except KubeError:
        return False
