# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kubeadm of this node would write: its own dry run of init, into a temporary folder.

`kubeadm upgrade` writes static pods and kubelet's configuration with the same functions as `kubeadm init` does
(cmd/kubeadm/app/phases: controlplane.CreateStaticPodFiles, etcd.CreateLocalEtcdStaticPodManifestFile,
kubelet.WriteConfigToDisk), from the ConfigMaps kubeadm-config and kubelet-config instead of a file. With these in a
file, and a version that is spelled out, the dry run asks neither the cluster nor the network, and takes a tenth of a
second.

Up to 1.25 the phases of etcd and kubelet know no --dry-run. There the whole of init is run dry, with every other phase
skipped; it ends with an error, as it cannot print a join command without the admin.conf that it did not write.

Read in the sources of 1.24, 1.25, 1.26, 1.30, 1.31, 1.32 and 1.34; run with 1.24.17, 1.25.4 and 1.26.9.
"""

from __future__ import annotations

import json
import os
import re
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _kubeadm, _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Result, Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import write_private
from ansible_collections.uplift.kubeadm.plugins.module_utils._scratch import scratch

PHASES = {
    "kube-apiserver.yaml": ("control-plane", "all"),
    "kube-controller-manager.yaml": ("control-plane", "all"),
    "kube-scheduler.yaml": ("control-plane", "all"),
    "etcd.yaml": ("etcd", "local"),
    "config.yaml": ("kubelet-start",),
}
DRY_PHASES_SINCE = (1, 26)
# All phases of init in 1.24 and 1.25.
OLD_PHASES = (
    "preflight",
    "certs",
    "kubeconfig",
    "kubelet-start",
    "control-plane",
    "etcd",
    "wait-control-plane",
    "upload-config",
    "upload-certs",
    "mark-control-plane",
    "bootstrap-token",
    "kubelet-finalize",
    "addon",
)
# From 1.32 on a dry run of the add-ons asks the API server, but they can be printed without.
PRINTED_ADDONS_SINCE = (1, 32)
DOCUMENT = re.compile(r"^---$", re.MULTILINE)
# What the dry run prints of an object: YAML, each line behind a tab.
ATTACHED = re.compile(r"^\[dryrun\] Attached object:\n((?:\t.*\n)+)", re.MULTILINE)
CONFIG = "kubeadm-init.yaml"
CERTIFICATES = "/etc/kubernetes/pki"
NO_ADDRESS = "192.0.2.1"  # kubeadm wants one, and on a worker nothing is made of it
ANY_SOCKET = "unix:///run/containerd/containerd.sock"


class Wanted(t.NamedTuple):
    """What kubeadm is to know of the node and its cluster.

    cluster and kubelet are the texts of ClusterConfiguration and (may be empty) KubeletConfiguration. endpoint is the
    address and port of this node's API server, None on a worker. environment is what kubeadm will be run with: it
    writes proxy variables into the static pods.
    """

    cluster: str
    kubelet: str
    name: str
    endpoint: tuple[str, int] | None
    cri_socket: str | None
    patches: str | None
    environment: t.Mapping[str, str]


def configuration(wanted: Wanted, no_certificates: str) -> str:
    """The file that kubeadm is given: its documents joined.

    no_certificates: a folder without certificates, for workers. They have the authority without its key, and init
    would take that for an authority that is kept elsewhere, and ask for the certificates of a control plane.

    :raises UpliftError: the ClusterConfiguration is none.
    """
    cluster = _yaml.load(wanted.cluster, "The ClusterConfiguration in ConfigMap kube-system/kubeadm-config")
    if not isinstance(cluster, dict) or cluster.get("kind") != "ClusterConfiguration":
        raise UpliftError("ConfigMap kube-system/kubeadm-config holds no ClusterConfiguration.")
    address, port = wanted.endpoint or (NO_ADDRESS, 6443)
    init: dict[str, t.Any] = {
        "apiVersion": cluster.get("apiVersion"),
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": address, "bindPort": port},
        "nodeRegistration": {"name": wanted.name, "criSocket": wanted.cri_socket or ANY_SOCKET},
    }
    if wanted.patches:
        init["patches"] = {"directory": wanted.patches}
    text = wanted.cluster.strip() if wanted.endpoint else json.dumps({**cluster, "certificatesDir": no_certificates})
    documents = [text, json.dumps(init)]
    if wanted.kubelet.strip():
        documents.append(wanted.kubelet.strip())
    return "\n---\n".join(documents) + "\n"


def render(
    runner: Runner, kubeadm: str, minor: tuple[int, int], wanted: Wanted, files: t.Collection[str]
) -> dict[str, str]:
    """{file name: text} of those of PHASES that are asked for, as this kubeadm would write them.

    minor: of kubeadm, as (1, 25). Nothing on the node is changed, and what was written meanwhile is gone after.

    :raises UpliftError: kubeadm did not write one of them; the message has its complaint.
    """
    with scratch("uplift-kubeadm-render-") as folder:
        for command in _commands(minor, files):
            result = _dry_run(runner, kubeadm, minor, wanted, str(folder), command)
        # Some minors write into the folder itself, some into one of their own below it.
        found = {path.name: path for path in sorted(folder.rglob("*.yaml")) if path.name != CONFIG}
        missing = sorted(set(files) - set(found))
        if missing:
            raise UpliftError(f"The dry run of {kubeadm} wrote no {', '.join(missing)}: {_complaint(result)}.")
        certificates = str(_yaml.load(wanted.cluster).get("certificatesDir") or CERTIFICATES)
        return {file: found[file].read_text().replace(f"{folder}/none", certificates) for file in files}


def render_addons(
    runner: Runner, kubeadm: str, minor: tuple[int, int], wanted: Wanted
) -> dict[tuple[str, str], dict[str, t.Any]]:
    """{(kind, name): object} of all objects that this kubeadm would write for CoreDNS and kube-proxy.

    :raises UpliftError: kubeadm refused, or said nothing that can be read.
    """
    with scratch("uplift-kubeadm-render-") as folder:
        results = [_dry_run(runner, kubeadm, minor, wanted, str(folder), words) for words in _addon_commands(minor)]
    out = "".join(result.out for result in results)
    texts = ["\n".join(line[1:] for line in text.splitlines()) for text in ATTACHED.findall(out)]
    if minor >= PRINTED_ADDONS_SINCE:
        texts = DOCUMENT.split(out)
    items = [_yaml.load(text, "What kubeadm would write for the add-ons") for text in texts]
    objects = {(item["kind"], item["metadata"]["name"]): item for item in items if item}
    if not objects:
        raise UpliftError(f"The dry run of {kubeadm} for the add-ons named no object.")
    if minor >= PRINTED_ADDONS_SINCE:
        _add_proxies(objects.get(("DaemonSet", "kube-proxy")), wanted.environment)
    return objects


def _addon_commands(minor: tuple[int, int]) -> list[list[str]]:
    if minor >= PRINTED_ADDONS_SINCE:
        return [["phase", "addon", addon, "--print-manifest"] for addon in ("coredns", "kube-proxy")]
    return [["phase", "addon", "all"] if minor >= DRY_PHASES_SINCE else [f"--skip-phases={_skipped('addon')}"]]


def _add_proxies(daemon_set: dict[str, t.Any] | None, environment: t.Mapping[str, str]) -> None:
    """kubeadm adds proxies to kube-proxy when it writes it, and not when it prints it."""
    proxies = [{"name": k, "value": v} for k, v in environment.items() if k.lower().endswith("_proxy") and v]
    if daemon_set and proxies:
        container = daemon_set["spec"]["template"]["spec"]["containers"][0]
        container["env"] = [*(container.get("env") or []), *proxies]


def _dry_run(
    runner: Runner, kubeadm: str, minor: tuple[int, int], wanted: Wanted, folder: str, command: list[str]
) -> Result:
    """One dry run of init, its files below folder."""
    config = Path(folder) / CONFIG
    write_private(config, configuration(wanted, f"{folder}/none"))
    # Proxies of this session are not those that kubeadm will be run with; it takes an empty one for none.
    proxies = {key: "" for key in os.environ if key.lower().endswith("_proxy")}
    result = runner.run(
        [kubeadm, "init", *command, "--dry-run", f"--config={config}"],
        env={**proxies, **wanted.environment, "KUBEADM_INIT_DRYRUN_DIR": folder},
        timeout=60,
        cwd=folder,
    )
    if result.rc != 0 and minor >= DRY_PHASES_SINCE:
        raise UpliftError(f"The dry run of {kubeadm} init {' '.join(command)} failed: {_complaint(result)}.")
    return result


def _commands(minor: tuple[int, int], files: t.Collection[str]) -> list[list[str]]:
    """The commands of init that write these files, without the options that all have."""
    phases = dict.fromkeys(PHASES[file] for file in files)
    if minor < DRY_PHASES_SINCE:
        return [[f"--skip-phases={_skipped(*(phase[0] for phase in phases))}"]]
    return [["phase", *phase] for phase in phases]


def _skipped(*wanted: str) -> str:
    return ",".join(phase for phase in OLD_PHASES if phase not in wanted)


def _complaint(result: Result) -> str:
    return _kubeadm.complaint(result.out + "\n" + result.err).rstrip(".")
