# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FAKE of the modules that touch nodes or the API, for tests of how the playbooks walk the plan.

stubbed.py copies it over each of those modules in a copy of the collection. It records its call in
$UPLIFT_STUB/events.jsonl, moves the pretended cluster in $UPLIFT_STUB/cluster.json, and misbehaves where
$UPLIFT_STUB/rules.json says so: {"module", "host", "stage"?, "do": "fail" | "down"}.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys

from ansible.module_utils.basic import AnsibleModule, _load_params

from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import summary

STUB = os.environ["UPLIFT_STUB"]
HOST = os.environ.get("UPLIFT_STUB_HOST", "")
NAME = "@MODULE@"


def locked(work):
    with open(os.path.join(STUB, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return work()


def load(name, default):
    try:
        with open(os.path.join(STUB, name)) as file:
            return json.load(file)
    except FileNotFoundError:
        return default


def save(name, data):
    with open(os.path.join(STUB, name + ".new"), "w") as file:
        json.dump(data, file)
    os.replace(os.path.join(STUB, name + ".new"), os.path.join(STUB, name))


def lock(params):
    """One lock for the pretended cluster; a request to stop lies beside it in stop.json."""
    state, us, kept = params.get("state", "held"), params["holder"], load("lock.json", {})
    if not params.get("_ansible_check_mode"):
        if state == "held":
            save("lock.json", us)
        elif state == "released" and kept.get("id") == us["id"]:
            save("lock.json", {})
    if state == "renewed" and kept.get("id") != us["id"]:
        return {"failed": True, "msg": "made to be lost by the test", "lost": True}
    return {"changed": state != "renewed", "holder": us, "words": us["id"], "stop": load("stop.json", None)}


def act(params):
    """What the real module would have done to the cluster, on the pretended one. Returns the module's result."""
    cluster = load("cluster.json", {})
    node = cluster["nodes"].get(params.get("name") or HOST, {})
    version = params.get("version") or params.get("kubelet_version") or params.get("wait_version")
    if NAME == "node_info":
        return {"changed": False, "node": load("node.json", {})[HOST]}
    if NAME == "cluster_info":
        path = os.path.join(STUB, "facts.json")
        with open(path, "w") as file:
            json.dump(cluster, file)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        texts = {"configuration": "", "kubelet_configuration": ""}
        return {"changed": False, "path": path, "sha256": digest, "summary": summary(cluster), **texts}
    if NAME == "kubernetes_release" and params["state"] == "listed":
        return {"changed": False, "available": load("available.json", {}), "errors": {}}
    if NAME == "kubernetes_release" and "kubelet" in (params.get("components") or []):
        node["kubelet"] = version
    if NAME == "kubeadm_run" and node.get("role") == "control_plane":
        for program in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
            node["static_pods"][program] = {"version": version, "ready": True, "image": ""}
        if "apply" in params["arguments"]:
            cluster["cluster"]["kubernetes_version"] = version
            cluster["addons"]["kube_proxy"]["version"] = version
    if NAME == "flags_trial":
        return {"changed": False, "tried": {"kubelet": ["1.25"]}, "said": [], "untried": []}
    if NAME == "workload_state":
        return {"changed": params["state"] != "compared", "compared": False, "lost": 0, "lines": []}
    if NAME == "upgrade_lock":
        return lock(params)
    if NAME == "upgrade_note":
        notes = load("notes.json", {})
        before = notes.get(params["name"])
        if params.get("state") != "read":
            save("notes.json", {**notes, params["name"]: params.get("value")})
        return {"changed": params.get("state") != "read", "value": before}
    save("cluster.json", cluster)
    return {"changed": True, "touched": True}


def main():
    params = _load_params()
    options = {key: {"type": "raw"} for key in params if not key.startswith("_ansible")}
    module = AnsibleModule(options, supports_check_mode=True)
    told = ("name", "state", "version", "components", "arguments", "kubeconfig")
    event = {"module": NAME, "host": HOST, **{key: params.get(key) for key in told}}

    def record():
        with open(os.path.join(STUB, "events.jsonl"), "a") as file:
            file.write(json.dumps(event) + "\n")
        return act(params)

    rules = [
        rule
        for rule in load("rules.json", [])
        if rule["module"] == NAME
        and rule["host"] in (HOST, params.get("name"))
        and rule.get("version") in (None, params.get("version"))
        and rule.get("state") in (None, params.get("state"))
    ]
    result = locked(record)
    for rule in rules:
        if rule["do"] == "fail":
            module.fail_json(msg="made to fail by the test", touched=False, stdout=rule.get("stdout", ""))
        if rule["do"] == "down":
            open(os.path.join(STUB, "down-" + rule["host"]), "w").close()
    module.exit_json(**result)


if __name__ == "__main__":
    sys.exit(main())
