# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true after an upgrade in a closed network: what was used on the way, and that no secret is left.

Nodes are looked at through docker, as Ansible would write what it is asked for, secrets among it, into their journals.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

NODES = ["molecule-closed-control-plane", "molecule-closed-worker"]
SCENARIO = yaml.safe_load((Path(__file__).parents[1] / "molecule.yml").read_text(encoding="utf-8"))
SETTINGS = SCENARIO["platforms"][0]["variables"]
# User and password of the mirror, of the registry, of the proxy.
USERS = {
    **{
        what: f"{SETTINGS[f'kubeadm_upgrade_{what}_username']}:{SETTINGS[f'kubeadm_upgrade_{what}_password']}"
        for what in ("binary", "registry")
    },
    "proxy": SETTINGS["kubeadm_upgrade_environment"]["https_proxy"].partition("//")[2].partition("@")[0],
}
# Where a node could keep secrets. Not containerd's images: they are large, and packed.
PLACES = "/etc /home /root /run /srv /tmp /var/log /var/tmp /var/lib/etcd /var/lib/kubelet /var/lib/uplift-kubeadm"


def docker(*arguments: str, stdin: str = "") -> str:
    """Both outputs of a command that has to succeed."""
    return subprocess.run(
        ["docker", *arguments], input=stdin, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True
    ).stdout


def on_node(node: str, script: str, stdin: str = "") -> str:
    return docker("exec", "-i", node, "sh", "-c", script, stdin=stdin)


def found_in_files(node: str, *texts: str) -> list[str]:
    return on_node(node, f"grep -rlsF -D skip -f - {PLACES} || true", "\n".join(texts)).split()


def found_in_journal(node: str, *texts: str) -> str:
    return on_node(node, "exec 3<&0; journalctl --no-pager | grep -F -f /dev/fd/3 || true", "\n".join(texts))


def test_binaries_came_from_the_mirror_by_the_password_and_through_the_proxy() -> None:
    networks = json.loads(docker("inspect", "molecule-closed-proxy"))[0]["NetworkSettings"]["Networks"]
    proxy = networks["molecule-closed-outside"]["IPAddress"]
    log = docker("logs", "molecule-closed-mirror")
    for version in ("v1.25.4", "v1.26.9"):
        for program in ("kubeadm", "kubelet", "kubectl"):
            path = rf"/release/{version}/bin/linux/\w+/{program}"
            got = re.findall(rf'^(\S+) (\S+) "GET {path} HTTP/1.1" 200$', log, re.MULTILINE)
            assert set(got) == {(proxy, "reader")}, f"{program} {version}"


def test_nothing_else_went_through_the_proxy() -> None:
    asked = re.findall(r"Request \(file descriptor \d+\): (\S+) (\S+) ", docker("logs", "molecule-closed-proxy"))
    assert set(asked) == {("CONNECT", "mirror.closed.test:443")}


def test_images_of_the_first_hop_came_from_the_registry_by_the_password() -> None:
    lines = docker("logs", "molecule-closed-registry").splitlines()
    nodes = {"kube-apiserver": 1, "etcd": 1, "kube-proxy": len(NODES), "coredns/coredns": len(NODES)}
    for image, count in nodes.items():
        # containerd names in whose place it asks: these are pulls of the nodes.
        asked = rf'http.request.uri="/v2/{image}/manifests/[\w.-]+\?ns=registry.k8s.io"'
        pulls = [line for line in lines if "authorized request" in line and re.search(asked, line)]
        assert len({re.search(r'remoteaddr="([^:]+)', line)[1] for line in pulls}) == count, image


def test_images_of_the_second_hop_came_from_the_archives() -> None:
    lines = docker("logs", "molecule-closed-registry").splitlines()
    assert not [line for line in lines if "authorized request" in line and "v1.26.9" in line]
    assert not json.loads(docker("inspect", "molecule-closed-registry"))[0]["State"]["Running"]
    for node in NODES:
        images = on_node(node, "crictl images")
        assert re.search(r"^registry.k8s.io/kube-proxy +v1\.26\.9 ", images, re.MULTILINE), node


def test_the_searches_for_secrets_would_find_them() -> None:
    hosts = "/etc/containerd/certs.d/registry.k8s.io/hosts.toml"
    assert hosts in found_in_files(NODES[0], "registry.closed.test")
    assert found_in_journal(NODES[0], "systemd")


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("whose", USERS)
def test_no_secret_is_left_on_a_node(whose: str, node: str) -> None:
    # The password, and how HTTP writes it.
    secrets = USERS[whose].partition(":")[2], base64.b64encode(USERS[whose].encode()).decode()
    assert found_in_files(node, *secrets) == []
    assert found_in_journal(node, *secrets) == ""


@pytest.mark.parametrize("node", NODES)
def test_the_runtime_was_not_given_credentials(node: str) -> None:
    assert on_node(node, "ls /root/.docker /var/lib/kubelet/config.json 2> /dev/null || true") == ""


@pytest.mark.parametrize("node", NODES)
def test_the_ca_is_none_of_the_systems(node: str) -> None:
    line = on_node(node, "sed -n 2p /srv/closed/ca.crt").strip()
    assert on_node(node, "grep -rlF -f - /etc/ssl /usr/share/ca-certificates /usr/local/share || true", line) == ""
