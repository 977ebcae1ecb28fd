# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that joins a cluster, or leaves it: what it is now, kubeadm's configuration for it, and its marks.

A join that was cut off half-way leaves a host that kubeadm will not join. Ours are marked before they begin (JOINING),
so that the next run may reset such a host; one with leftovers and without the mark is somebody's, and is left alone.
"""

from __future__ import annotations

import json
import os
import socket
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _node_disk, _running
from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import state_of, write_private
from ansible_collections.uplift.kubeadm.plugins.module_utils._kubeadm import Kubeadm, Run, complaint
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import Node, architecture, patches_there
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import parse_version

RECORD = "member.json"
JOINING, JOINED, LEFT = "joining", "joined", "left"
RUN = Path("run/uplift-kubeadm")  # a tmpfs on machines with systemd
# What kubeadm's preflight check of a join wants not to be there (cmd/kubeadm/app/preflight/checks.go).
_LEFTOVERS = (
    "etc/kubernetes/kubelet.conf",
    "etc/kubernetes/bootstrap-kubelet.conf",
    "etc/kubernetes/pki/ca.crt",
    *(f"etc/kubernetes/manifests/{name}.yaml" for name in _running.PROGRAMS),
)
_FOURTH = 31  # the minor from which kubeadm reads v1beta4


def look(root: Path, runner: Runner, patches: str = "") -> dict[str, t.Any]:
    """What replace_plan wants to know of a host.

    name: of its node, from kubelet's certificate; None without one. was: the name that it had before we reset it.
    half: a join of ours was cut off. at_work: kubeadm joins it at this moment. leftovers: files of a node.
    cpus, memory and disk: what it has (bytes).
    patches_there: whether this folder of kubeadm patches is there; None when none is asked for.
    """
    node = Node(root, runner)
    name, _why = node.name()
    fingerprints, _why = node.ca_fingerprints()
    record = _record(root)
    kubelet = root / "var/lib/kubelet"
    disk = os.statvfs(kubelet if kubelet.is_dir() else root)
    try:
        memory = _node_disk.memory(root)
    except (OSError, ValueError):
        memory = 0
    return {
        "name": name,
        "was": record.get("node") if record.get("state") == LEFT and not name else None,
        "half": record.get("state") == JOINING,
        "at_work": _joins_now(Kubeadm(runner, state_of(root))),
        "leftovers": ["/" + path for path in _LEFTOVERS if (root / path).exists()],
        "hostname": socket.gethostname().lower(),
        "ca_fingerprints": fingerprints,
        "control_plane": "kube-apiserver" in _running.manifests(root),
        "cpus": os.cpu_count() or 0,
        "memory": memory,
        "disk": disk.f_blocks * disk.f_frsize,
        "arch": architecture(),
        "patches_there": patches_there(root, patches) if patches else None,
        **{key: version for key, version in node.versions().items() if key != "kubectl"},
    }


def usable_patches(root: Path, patches: str, control_plane: bool) -> str:
    """The folder of patches that kubeadm join is to be given, "" for none.

    kubeadm fails over a folder that is not there, and finds it out when it has written files. A worker joins without,
    as it is upgraded without.

    :raises UpliftError: a control plane without it: its programs would differ from those of the others.
    """
    if not patches or patches_there(root, patches):
        return patches
    if control_plane:
        raise UpliftError(
            f"{patches}, the folder of kubeadm patches, is not on this host, which is to be a control plane: its "
            "static pods would not be as those of the others are. It is not joined. Put the folder there."
        )
    return ""


def configuration(kubeadm: str, wants: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """JoinConfiguration for a kubeadm of that version ("v1.26.9"). Pure.

    wants: token, endpoint, ca_hashes; certificate_key (a control plane, where it is given), advertise_address,
    bind_port; labels, taints, kubelet_args, cri_socket, patches.
    """
    fourth = parse_version(kubeadm).minor >= _FOURTH
    arguments = {str(key): str(value) for key, value in (wants.get("kubelet_args") or {}).items()}
    # kubelet alone would go by it. kubeadm waits for a node of the registration's name, and gives kubelet the flag.
    name = arguments.pop("hostname-override", "")
    if wants.get("labels"):
        arguments["node-labels"] = ",".join(f"{key}={value}" for key, value in wants["labels"].items())
    registration: dict[str, t.Any] = {"name": name} if name else {}
    if arguments:
        listed = [{"name": name, "value": value} for name, value in arguments.items()]
        registration["kubeletExtraArgs"] = listed if fourth else arguments
    if wants.get("taints"):
        registration["taints"] = [dict(taint) for taint in wants["taints"]]
    if wants.get("cri_socket"):
        registration["criSocket"] = wants["cri_socket"]
    token = {"token": wants["token"], "apiServerEndpoint": wants["endpoint"], "caCertHashes": list(wants["ca_hashes"])}
    made: dict[str, t.Any] = {
        "apiVersion": f"kubeadm.k8s.io/{'v1beta4' if fourth else 'v1beta3'}",
        "kind": "JoinConfiguration",
        "discovery": {"bootstrapToken": token},
    }
    if registration:
        made["nodeRegistration"] = registration
    if wants.get("certificate_key"):
        keys = {"advertiseAddress": "advertise_address", "bindPort": "bind_port"}
        endpoint = {key: wants[want] for key, want in keys.items() if wants.get(want)}
        made["controlPlane"] = {
            "certificateKey": wants["certificate_key"],
            **({"localAPIEndpoint": endpoint} if endpoint else {}),
        }
    if wants.get("patches"):
        made["patches"] = {"directory": wants["patches"]}
    return made


class Membership:
    """Has a host join, or leave. root is "/", but for tests."""

    def __init__(self, root: Path, runner: Runner, timeout: float) -> None:
        self.root = root
        self.runner = runner
        self.timeout = timeout
        self.kubeadm = Kubeadm(runner, state_of(root))
        self.file = root / RUN / "join.yaml"

    def join(
        self,
        program: str,
        config: t.Mapping[str, t.Any],
        environment: t.Mapping[str, str],
        ignored: t.Sequence[str] = (),
    ) -> bool:
        """False when it is a node already, and was joined to the end.

        ignored: preflight checks whose errors become warnings. They are a flag, as "all" is refused in a configuration
        (ValidateIgnorePreflightErrors in cmd/kubeadm/app/apis/kubeadm/validation).

        :raises UpliftError: kubeadm fails. The host is then marked, and reset before it is tried again.
        """
        seen = look(self.root, self.runner)
        if seen["name"] and not seen["half"]:
            return False
        flag = [f"--ignore-preflight-errors={','.join(ignored)}"] if ignored else []
        command = ["join", f"--config={self.file}", *flag]
        if not seen["half"] and seen["leftovers"]:
            raise UpliftError(
                f"This host was part of a cluster: {', '.join(seen['leftovers'][:3])} is there. It is not joined. "
                "Reset it (kubeadm reset) if it is not in use."
            )
        if seen["half"] and seen["leftovers"] and not self._under_way([program, *command]):
            self._reset(program, str(config.get("nodeRegistration", {}).get("criSocket") or "") or None, environment)
        self._write_record({"state": JOINING})
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.file, json.dumps(config))
        try:
            self._run(program, command, environment)
        finally:
            self.file.unlink()
        name, why = Node(self.root, self.runner).name()
        if name is None:
            raise UpliftError(f"kubeadm join ended well, and the host is no node: {why}.")
        self._write_record({"state": JOINED, "node": name})
        return True

    def leave(self, program: str, cri_socket: str | None, environment: t.Mapping[str, str]) -> bool:
        """Reset the host; False when nothing of a node is left on it.

        :raises UpliftError: kubeadm fails, or leaves something of a node behind.
        """
        seen = look(self.root, self.runner)
        if not seen["leftovers"]:
            return False
        if seen["name"]:
            self._write_record({"state": LEFT, "node": seen["name"]})
        self._reset(program, cri_socket, environment)
        left = look(self.root, self.runner)["leftovers"]
        if left:
            raise UpliftError(f"kubeadm reset ended well, and left {', '.join(left)} behind.")
        return True

    def _reset(self, program: str, cri_socket: str | None, environment: t.Mapping[str, str]) -> None:
        socket_flag = [f"--cri-socket={cri_socket}"] if cri_socket else []
        self._run(program, ["reset", "--force", *socket_flag], environment)

    def _run(self, program: str, arguments: t.Sequence[str], environment: t.Mapping[str, str]) -> Run:
        done = self.kubeadm.run(program, arguments, version=None, environment=environment, timeout=self.timeout)
        if done.rc:
            raise UpliftError(
                f"kubeadm {arguments[0]} failed with exit code {done.rc} after {done.seconds:g} s: "
                f"{complaint(done.output)}. The whole output is on the host in {done.log}."
            )
        return done

    def _under_way(self, command: t.Sequence[str]) -> bool:
        """Is such a join at work, or did it end well without anybody having had its result?"""
        last = self.kubeadm.last_run()
        if last is None or last["command"] != list(command):
            return False
        return last["state"] == "running" or (last["state"] == "done" and not last["acknowledged"])

    def _write_record(self, record: t.Mapping[str, t.Any]) -> None:
        folder = state_of(self.root)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / RECORD, json.dumps(record, sort_keys=True) + "\n")


def _joins_now(kubeadm: Kubeadm) -> bool:
    last = kubeadm.last_run()
    return last is not None and last["state"] == "running" and "join" in last["command"][1:2]


def _record(root: Path) -> dict[str, t.Any]:
    try:
        found = json.loads((state_of(root) / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
