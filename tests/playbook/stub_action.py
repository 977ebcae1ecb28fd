# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FAKE of the modules that touch nodes or the API, for tests of how the playbooks walk the plan.

stubbed.py puts it, under each module's name, among the action plugins of a copy of the collection: it answers on the
controller, which is most of what makes these tests quick. It records its call in $UPLIFT_STUB/events.jsonl, moves the
pretended cluster in $UPLIFT_STUB/cluster.json, and misbehaves where $UPLIFT_STUB/rules.json says so: {"module", "host",
"name"?, "state"? (empty: not given), "version"?, "component"?, "soak"?, "touched"?, "killed"?, "do": "fail" | "down" |
"stop"}. The connection to a host that is down ("down"? has its name where it is another) is lost, as stub_connection.py
has it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.uplift.kubeadm.plugins.module_utils import _workloads
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import summary

# A fleet has a pretended cluster for each of its own; its playbook says which by this variable.
STUB = os.path.join(os.environ["UPLIFT_STUB"], os.environ.get("FLEET_CLUSTER", ""))

PROXIES = {"no_proxy": ".svc"}  # of the control planes that are there


class ActionModule(ActionBase):  # type: ignore[misc]
    """In place of a module: its answer, from the pretended cluster."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        return {**result, **answer(self, self._task.args, task_vars or {})}


def answer(action: ActionBase, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
    """What the module of the task of `action` would have answered, had it run where the task runs."""
    action._connection._connect()  # raises where the host is down
    name = action._task.action.rpartition(".")[2]
    host = action._task.delegate_to or task_vars["inventory_hostname"]
    host = "" if host == "localhost" else host
    result = locked(lambda: record(name, host, params, action._task.check_mode))
    for rule in load("rules.json", []):
        if not matches(rule, name, host, params):
            continue
        if rule["do"] == "fail":
            failure = {"failed": True, "msg": "made to fail by the test", "stdout": rule.get("stdout", "")}
            # Without it: a module that was killed says nothing of its own.
            return {**failure, **({} if rule.get("killed") else {"touched": rule.get("touched", False)})}
        if rule["do"] == "stop":  # somebody asks the run to end while the module works
            save("stop.json", {"by": "anna", "at": "2026-11-21T17:20:09Z", "reason": "pager"})
            continue
        open(os.path.join(STUB, "down-" + rule.get("down", rule["host"])), "w").close()
    return result


def matches(rule: dict[str, Any], name: str, host: str, params: dict[str, Any]) -> bool:
    return (
        rule["module"] == name
        and rule["host"] in (host, params.get("name"))
        and rule.get("name") in (None, params.get("name"))
        and rule.get("version") in (None, params.get("version"))
        and rule.get("state") in (None, params.get("state", ""))
        and rule.get("soak") in (None, params.get("soak"))
        and rule.get("component") in (None, *(params.get("components") or []))
    )


def record(name: str, host: str, params: dict[str, Any], check: bool) -> dict[str, Any]:
    told = (
        "name", "names", "state", "version", "components", "arguments", "kubeconfig", "nodes", "ready", "soak",
        "bind_port", "proxies", "keep_cordon",
    )  # fmt: skip
    event = {"module": name, "host": host, **{key: params.get(key) for key in told}}
    for path in [word.partition("=")[2] for word in params.get("arguments") or [] if word.startswith("--config=")]:
        with open(path) as file:
            event["configuration"] = file.read()
    with open(os.path.join(STUB, "events.jsonl"), "a") as file:
        file.write(json.dumps(event) + "\n")
    return act(name, host, params, check)


def locked(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    with open(os.path.join(STUB, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return work()


def load(name: str, default: Any) -> Any:
    try:
        with open(os.path.join(STUB, name)) as file:
            return json.load(file)
    except FileNotFoundError:
        return default


def save(name: str, data: Any) -> None:
    with open(os.path.join(STUB, name + ".new"), "w") as file:
        json.dump(data, file)
    os.replace(os.path.join(STUB, name + ".new"), os.path.join(STUB, name))


def lock(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """One lock for the pretended cluster; a request to stop lies beside it in stop.json."""
    state, us, kept = params.get("state", "held"), params["holder"], load("lock.json", {})
    if not check:
        if state == "held":
            save("lock.json", us)
        elif state == "released" and kept.get("id") == us["id"]:
            save("lock.json", {})
    if state == "renewed" and kept.get("id") != us["id"]:
        return {"failed": True, "msg": "made to be lost by the test", "lost": True}
    return {
        "changed": state != "renewed",
        "holder": us,
        "words": us["id"],
        "stop": load("stop.json", None),
        "ends": "never",
    }


def wave(params: dict[str, Any]) -> dict[str, Any]:
    """Holds back the nodes that held.json names; cuts nodes anew as held_waves.json has it, or one by one."""
    nodes = params["nodes"]
    if params.get("state") == "planned":
        return {"changed": False, "waves": load("held_waves.json", [[node] for node in nodes])}
    named = [node for node in nodes if node in load("held.json", [])]
    held = named[1:] if named == nodes else named  # one at least is let in
    fits = [node for node in nodes if node not in held]
    return {"changed": False, "fits": fits, "held": dict.fromkeys(held, "a budget of the test"), "waited": 0.0}


def workloads(params: dict[str, Any]) -> dict[str, Any]:
    """Keeps nothing, unless db.json says how many pods of shop/db are Ready; then it compares as the module does."""
    ready, notes = load("db.json", None), load("notes.json", {})
    if ready is None:
        return {"changed": params["state"] != "compared", "compared": False, "lost": 0, "lines": []}
    now, kept = {"Deployment shop/db": [1, ready]}, notes.get("workloads")
    if params["state"] == "saved":
        if kept is None:
            save("notes.json", {**notes, "workloads": now})
        return {"changed": kept is None, "kept": True, "at": "2026-11-21T17:20:09Z"}
    if kept is None:
        return {"changed": False, "compared": False, "at": None, "lost": 0, "lines": []}
    found, at = _workloads.compare(kept, now), "2026-11-21T17:20:09Z"
    return {"changed": False, "compared": True, "at": at, "lines": _workloads.lines(found, at), **found}


def membership(host: str, params: dict[str, Any], cluster: dict[str, Any], check: bool) -> dict[str, Any]:
    """node_join: look.json has what each host is."""
    looks = load("look.json", {})
    look, state = looks[host], params.get("state", "looked")
    if state == "looked":
        there = look["patches_there"] if params.get("patches") else None
        return {"changed": False, "look": {**look, "patches_there": there}}
    if state == "joined":
        plane = bool(params.get("certificate_key"))
        cluster["nodes"][look["hostname"]] = load("new.json", {})["control_plane" if plane else "worker"]
        look.update(name=look["hostname"], control_plane=plane, half=False)
    else:
        look.update(name=None, was=look["name"], control_plane=False)
    save("look.json", looks)
    return {"changed": True, "node": look["name"]}


def old_nodes(host: str, params: dict[str, Any], cluster: dict[str, Any], check: bool) -> dict[str, Any]:
    """Pods that are drained are there no more: who starts them elsewhere is not pretended."""
    names, state = params["names"], params.get("state", "drained")
    if check or state == "empty":
        return {"changed": check, "nodes": names}
    for name in names:
        if state == "removed":
            cluster["nodes"].pop(name, None)
        else:
            leaving = None if state == "uncordoned" else {"at": "2026-11-01T12:00:00Z"}
            cluster["nodes"][name].update(unschedulable=leaving is not None, cordon=None, leaving=leaving)
    if state == "drained":
        cluster["pods"] = [pod for pod in cluster["pods"] if pod.get("node") not in names]
    return {"changed": True, "nodes": names, "by_person": [], "drained": True, "progress": {"line": "none left"}}


def secret(host: str, params: dict[str, Any], cluster: dict[str, Any], check: bool) -> dict[str, Any]:
    ticket = {"token": "a.b", "endpoint": "lb:6443", "ca_hashes": ["sha256:x"], "certificate_key": ""}
    own = {"certificate_key": "k" * 64, "secure_port": 8443, "proxies": PROXIES}
    return {"changed": True, **ticket, **(own if params.get("certificates") else {})}


REPLACING = {
    "node_join": membership,
    "old_nodes": old_nodes,
    "join_secret": secret,
    "etcd_member": lambda host, params, cluster, check: {"changed": params.get("state") == "removed", "members": []},
}


def act(name: str, host: str, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """What the real module would have done to the cluster, on the pretended one. Returns the module's result."""
    cluster = load("cluster.json", {})
    node = cluster["nodes"].get(params.get("name") or host, {})
    version = params.get("version") or params.get("kubelet_version") or params.get("wait_version")
    if name == "node_info":
        seen = load("node.json", {})[host]
        there = seen.get("patches_there") if params.get("patches") else None
        return {"changed": False, "node": {**seen, "patches_there": there}}
    if name == "cluster_info":
        path = os.path.join(STUB, "facts.json")
        if host == "" and params.get("path"):  # on the controller, where the real place may be written to
            path = params["path"]
        with open(path, "w") as file:
            json.dump(cluster, file)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        texts = {"configuration": "", "kubelet_configuration": ""}
        return {"changed": False, "path": path, "sha256": digest, "summary": summary(cluster), **texts}
    if name == "kubernetes_release" and params["state"] == "listed":
        return {"changed": False, "available": load("available.json", {}), "errors": {}}
    if name == "kubernetes_release" and "kubelet" in (params.get("components") or []):
        node["kubelet"] = version
    if name == "etcd_pin":
        tag = params.get("image_tag") if params.get("state", "present") == "present" else None
        changed = cluster["cluster"]["etcd"].get("bridge") != tag
        if changed and not check:
            cluster["cluster"]["etcd"]["bridge"] = tag
            save("cluster.json", cluster)
        return {"changed": changed, "configuration": f"etcd at {tag}"}
    if name == "kubeadm_run" and "phase" in params["arguments"]:
        release = str(cluster["cluster"]["etcd"]["bridge"]).partition("-")[0]
        nodes = load("node.json", {})
        nodes[host]["running"]["etcd"] = release
        save("node.json", nodes)
        return {"changed": True}
    if name == "kubeadm_run" and node.get("role") == "control_plane":
        for program in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
            node["static_pods"][program] = {"version": version, "ready": True, "image": ""}
        if "apply" in params["arguments"]:
            cluster["cluster"]["kubernetes_version"] = version
            cluster["addons"]["kube_proxy"]["version"] = version
    if name in REPLACING:
        result = REPLACING[name](host, params, cluster, check)
        save("cluster.json", cluster)
        return result
    if name == "worker_wave":
        return wave(params)
    if name == "flags_trial":
        return {"changed": False, "tried": {"kubelet": ["1.25"]}, "said": [], "untried": []}
    if name == "workload_state":
        return workloads(params)
    if name == "upgrade_lock":
        return lock(params, check)
    if name == "upgrade_note":
        notes = load("notes.json", {})
        before = notes.get(params["name"])
        if params.get("state") != "read":
            save("notes.json", {**notes, params["name"]: params.get("value")})
        return {"changed": params.get("state") != "read", "value": before}
    save("cluster.json", cluster)
    if name in ("node_drain", "node_ready") and params["name"] in load("warned.json", {}):
        return {"changed": True, "evicted": [], "warned": [f"{name}: {load('warned.json', {})[params['name']]}"]}
    return {"changed": True, "touched": True}
