# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An etcd that kubeadm did not make: a service of systemd on a host of its own, with an authority of its own.

The host is a container of the node image in the lab's network, made before the cluster, whose API server asks it. It
does not have kind's label: kind makes no cluster of a name that a labelled container has (its pkg/cluster/internal/
create/create.go, alreadyExists), and labels cannot be added later.

Where the API server finds its certificates is as in kubeadm's documentation of external etcd nodes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from . import artifacts, docker
from .container import arguments, started
from .errors import LabError
from .paths import CLUSTER_LABEL, LABEL, NETWORK
from .progress import wait
from .shell import run

HOST = "etcd1"  # in the inventory
PKI = "/etc/etcd/pki"
# Name in PKI on etcd's host, and on this machine -> path on a control plane, and the word for it in
# ClusterConfiguration.
_CLIENT = {
    "ca.crt": ("/etc/kubernetes/pki/etcd/ca.crt", "caFile"),
    "apiserver.crt": ("/etc/kubernetes/pki/apiserver-etcd-client.crt", "certFile"),
    "apiserver.key": ("/etc/kubernetes/pki/apiserver-etcd-client.key", "keyFile"),
}

_UNIT = """[Unit]
Description=etcd
Documentation=https://etcd.io/docs/
After=network.target

[Service]
Type=notify
User=etcd
StateDirectory=etcd
StateDirectoryMode=0700
EnvironmentFile=/etc/etcd/etcd.env
ExecStart=/usr/local/bin/etcd
Restart=on-failure
RestartSec=2

[Install]
WantedBy=multi-user.target
"""

# The data folder is the one of Debian's package. The URL of peers is never used: there is one member.
_ENVIRONMENT = """ETCD_NAME={name}
ETCD_DATA_DIR=/var/lib/etcd/default
ETCD_LISTEN_CLIENT_URLS=https://127.0.0.1:2379,https://{address}:2379
ETCD_ADVERTISE_CLIENT_URLS=https://{address}:2379
ETCD_LISTEN_PEER_URLS=http://127.0.0.1:2380
ETCD_INITIAL_ADVERTISE_PEER_URLS=http://127.0.0.1:2380
ETCD_INITIAL_CLUSTER={name}=http://127.0.0.1:2380
ETCD_CERT_FILE={pki}/server.crt
ETCD_KEY_FILE={pki}/server.key
ETCD_TRUSTED_CA_FILE={pki}/ca.crt
ETCD_CLIENT_CERT_AUTH=true
"""

# $1 names the host, $2 is its address. etcd's own JSON gateway is a client of etcd with the server's certificate (its
# server/embed/serve.go), so that one is good for both, as kubeadm's is.
_CERTIFICATES = """umask 077
useradd --system --home-dir /var/lib/etcd --no-create-home --shell /usr/sbin/nologin etcd
install -d -m 755 /etc/etcd {pki}
cd {pki}
cat > extensions <<END
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost, DNS:$1, IP:127.0.0.1, IP:$2
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
authorityKeyIdentifier = keyid
END
key() {{
  openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=etcd-$1" -out "$1.csr"
}}
key ca
openssl x509 -req -in ca.csr -signkey ca.key -days 3650 -extfile extensions -extensions ca -out ca.crt
for name in server client apiserver; do
  key "$name"
  kind=client
  [ "$name" = server ] && kind=server
  openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 \\
    -extfile extensions -extensions "$kind" -out "$name.crt"
done
rm ./*.csr extensions
chmod 644 ./*.crt
chown etcd: server.key
"""


@dataclass(frozen=True)
class External:
    """An etcd that runs: its client URL, and the folder on this machine with what an API server asks it with."""

    url: str
    certificates: Path

    def kubeadm_patch(self) -> list[str]:
        """The lines of a patch of kubeadm's configuration, for kind, which merges it whatever the apiVersion is."""
        named = [f"    {word}: {path}" for path, word in _CLIENT.values()]
        endpoints = f"    endpoints: {json.dumps([self.url])}"
        return ["kind: ClusterConfiguration", "etcd:", "  external:", endpoints, *named]

    def mounts(self) -> list[str]:
        """The lines of a control plane in kind's configuration that bring the certificates there."""
        lines = ["  extraMounts:"]
        for name, (path, _word) in _CLIENT.items():
            lines += [f"  - hostPath: {json.dumps(str(self.certificates / name))}", f"    containerPath: {path}"]
            lines.append("    readOnly: true")
        return lines


def container(cluster: str) -> str:
    """Name of the host, and of its container."""
    return f"{cluster}-etcd"


def create(cluster: str, version: str, image: str, base: Path) -> External:
    """Make the host for a cluster that has none, and wait until its etcd serves. `base` is the cluster's directory."""
    name = container(cluster)
    programs = artifacts.tool("etcd", version)
    run("docker", *arguments(name, image, {LABEL: "host", CLUSTER_LABEL: cluster}))
    wait(f"{name} to have started", lambda: started(name))
    found = docker.inspect(name)
    address = str(found["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]) if found else ""
    if not address:
        raise LabError(f"{name} has no address in the network {NETWORK}: `docker logs {name}` may say why.")
    for program in ("etcd", "etcdctl", "etcdutl"):
        run("docker", "cp", programs / program, f"{name}:/usr/local/bin/{program}")
    docker.execute(name, "sh", "-euc", _CERTIFICATES.format(pki=PKI), "sh", name, address)
    docker.write(name, "/etc/etcd/etcd.env", _ENVIRONMENT.format(name=name, address=address, pki=PKI))
    docker.write(name, "/etc/systemd/system/etcd.service", _UNIT)
    # Of a node's services it needs none. A unit of this type has started when etcd says that it serves.
    docker.execute(name, "systemctl", "disable", "--now", "kubelet", "containerd")
    docker.execute(name, "systemctl", "daemon-reload")
    docker.execute(name, "systemctl", "enable", "--now", "etcd")
    url = f"https://{address}:2379"
    asked = [f"--cacert={PKI}/ca.crt", f"--cert={PKI}/apiserver.crt", f"--key={PKI}/apiserver.key"]
    docker.execute(name, "etcdctl", f"--endpoints={url}", *asked, "endpoint", "health")
    return External(url, _fetch(name, base / "etcd"))


def _fetch(name: str, folder: Path) -> Path:
    """Bring what an API server needs to this machine, where kind mounts it from."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for file in _CLIENT:
        target = folder / file
        target.touch(mode=0o600)
        target.write_text(docker.execute(name, "cat", f"{PKI}/{file}") + "\n")
    return folder
