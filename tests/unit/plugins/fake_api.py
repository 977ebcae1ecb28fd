# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FakeApi: as much of a Kubernetes API server as the modules' unit tests need, over real HTTP in this process."""

from __future__ import annotations

import base64
import copy
import json
import re
import threading
import time
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

Object = dict[str, t.Any]
Fault = t.Union[int, str, "tuple[int, Object]", "tuple[int, Object, dict[str, str]]"]

COLLECTIONS = {
    "nodes": "/api/v1/nodes",
    "pods": "/api/v1/namespaces/{}/pods",
    "configmaps": "/api/v1/namespaces/{}/configmaps",
    "secrets": "/api/v1/namespaces/{}/secrets",
    "services": "/api/v1/namespaces/{}/services",
    "namespaces": "/api/v1/namespaces",
    "persistentvolumes": "/api/v1/persistentvolumes",
    "daemonsets": "/apis/apps/v1/namespaces/{}/daemonsets",
    "deployments": "/apis/apps/v1/namespaces/{}/deployments",
    "replicasets": "/apis/apps/v1/namespaces/{}/replicasets",
    "statefulsets": "/apis/apps/v1/namespaces/{}/statefulsets",
    "jobs": "/apis/batch/v1/namespaces/{}/jobs",
    "cronjobs": "/apis/batch/v1/namespaces/{}/cronjobs",
    "poddisruptionbudgets": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "podsecuritypolicies": "/apis/policy/v1beta1/podsecuritypolicies",
    "csinodes": "/apis/storage.k8s.io/v1/csinodes",
    "csidrivers": "/apis/storage.k8s.io/v1/csidrivers",
    "volumeattachments": "/apis/storage.k8s.io/v1/volumeattachments",
    "storageclasses": "/apis/storage.k8s.io/v1/storageclasses",
    "apiservices": "/apis/apiregistration.k8s.io/v1/apiservices",
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "certificatesigningrequests": "/apis/certificates.k8s.io/v1/certificatesigningrequests",
    "validatingwebhookconfigurations": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "mutatingwebhookconfigurations": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "events": "/apis/events.k8s.io/v1/namespaces/{}/events",
}
# As GET /apis has them; a group's versions in its order of preference.
GROUPS = {
    "apps": ("v1",),
    "batch": ("v1", "v1beta1"),
    "policy": ("v1", "v1beta1"),
    "events.k8s.io": ("v1", "v1beta1"),
}


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # by itself 5, which the threads of a drain overrun: the kernel drops connections then


class FakeApi:
    """Objects are kept by path. Evicted pods go after `termination` seconds; budgets count down as the server's do."""

    def __init__(self, kubeconfig: Path) -> None:
        self.objects: dict[str, Object] = {}
        self.requests: list[tuple[str, str, Object | None]] = []  # method, path with query, body
        self.accepted: list[str] = []  # of each request, its header Accept
        self.faults: list[tuple[str, Fault]] = []  # (regex of "METHOD path?query", answer), used once each, in order
        self.termination: dict[str, float] = {}  # pod name -> seconds from its eviction to its end
        self.on_gone: t.Callable[[Object], None] = lambda pod: None
        self.on_created: t.Callable[[Object], None] = lambda obj: None
        self.page_limit = 500
        self.version = "v1.24.17"
        self._going: dict[str, float] = {}  # path -> monotonic time of its end
        self._version = 100
        self._lock = threading.RLock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.kubeconfig = kubeconfig
        kubeconfig.write_text(
            f"apiVersion: v1\nkind: Config\ncurrent-context: c\n"
            f"clusters:\n- name: k\n  cluster:\n    server: http://127.0.0.1:{self.port}\n"
            f"contexts:\n- name: c\n  context:\n    cluster: k\n    user: u\nusers:\n- name: u\n  user:\n    "
            f"token: t0ken\n"
        )

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    # What tests put in, and look at

    def add(self, kind: str, obj: Object) -> Object:
        with self._lock:
            meta = obj["metadata"]
            meta.setdefault("uid", f"uid-{self._bump()}")
            meta["resourceVersion"] = self._bump()
            self.objects[f"{COLLECTIONS[kind].format(meta.get('namespace'))}/{meta['name']}"] = obj
            return obj

    def node(self, name: str, **status: t.Any) -> Object:
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
        }
        info = {"kubeletVersion": "v1.24.17", "operatingSystem": "linux", "architecture": "amd64"}
        body = {"conditions": [ready], "nodeInfo": info, "allocatable": {"cpu": "4"}, **status}
        return self.add("nodes", {"metadata": {"name": name, "labels": {}}, "spec": {}, "status": body})

    def pod(
        self,
        name: str,
        node: str = "w1",
        owner: str | None = "ReplicaSet/rs",
        labels: dict[str, str] | None = None,
        namespace: str = "default",
        ready: bool = True,
        phase: str = "Running",
        emptydir: bool = False,
        mirror: bool = False,
        image: str = "app:1",
        container: str = "app",
        **metadata: t.Any,
    ) -> Object:
        meta: Object = {"name": name, "namespace": namespace, "labels": labels or {}, **metadata}
        if owner:
            kind, _unused, owner_name = owner.partition("/")
            meta["ownerReferences"] = [{"kind": kind, "name": owner_name, "controller": True, "apiVersion": "apps/v1"}]
        if mirror:
            meta["annotations"] = {"kubernetes.io/config.mirror": "x"}
            meta["ownerReferences"] = [{"kind": "Node", "name": node, "controller": True, "apiVersion": "v1"}]
        spec: Object = {"nodeName": node, "containers": [{"name": container, "image": image}]}
        if emptydir:
            spec["volumes"] = [{"name": "scratch", "emptyDir": {}}]
        status = {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": container, "image": image}],
        }
        return self.add("pods", {"metadata": meta, "spec": spec, "status": status})

    def daemonset(self, name: str, node: str = "w1", **pod: t.Any) -> Object:
        self.add("daemonsets", {"metadata": {"name": name, "namespace": "default"}, "spec": {}})
        return self.pod(f"{name}-x", node, owner=f"DaemonSet/{name}", **pod)

    def budget(self, name: str, selector: Object | None, allowed: int, **spec: t.Any) -> Object:
        status = {"disruptionsAllowed": allowed, "desiredHealthy": 2, "currentHealthy": 2 + allowed, "expectedPods": 2}
        meta = {"name": name, "namespace": "default"}
        return self.add(
            "poddisruptionbudgets", {"metadata": meta, "spec": {"selector": selector, **spec}, "status": status}
        )

    def get(self, path: str) -> Object:
        with self._lock:
            return copy.deepcopy(self.objects[path])

    def pods(self, node: str = "w1") -> list[str]:
        with self._lock:
            self._reap()
            return sorted(
                o["metadata"]["name"]
                for p, o in self.objects.items()
                if "/pods/" in p and o["spec"]["nodeName"] == node
            )

    def sent(self, method: str, pattern: str = "") -> list[tuple[str, str, Object | None]]:
        return [r for r in self.requests if r[0] == method and re.search(pattern, r[1])]

    # What the server does

    def handle(self, method: str, target: str, body: Object | None) -> tuple[int, Object, dict[str, str]] | None:
        """The answer to one request; None breaks the connection."""
        with self._lock:
            self.requests.append((method, target, body))
            for index, (pattern, fault) in enumerate(self.faults):
                if re.search(pattern, f"{method} {target}"):
                    del self.faults[index]
                    return _fault(fault)
            self._reap()
            url = urlsplit(target)
            path, query = unquote(url.path), {k: v[0] for k, v in parse_qs(url.query).items()}
            if path == "/version":
                return 200, {"gitVersion": self.version}, {}
            if path == "/apis":
                return 200, {"groups": [_group(name, versions) for name, versions in GROUPS.items()]}, {}
            if method == "POST" and path.endswith("/eviction"):
                return (*self._evict(path[: -len("/eviction")], t.cast(Object, body)), {})
            if method == "DELETE" and "/pods/" in path and path in self.objects:
                return (*self._end(path, body or {}), {})
            if method == "DELETE" and path in self.objects:
                conflict = _conflict(self.objects[path], body or {})
                return (*conflict, {}) if conflict else (200, self.objects.pop(path), {})
            if method == "POST" and path.rsplit("/", 1)[-1] in COLLECTIONS:
                return 201, self._create(path, t.cast(Object, body)), {}
            if method == "PATCH" and path in self.objects:
                return (*self._patch(path, t.cast(Object, body), query.get("fieldManager", "")), {})
            if path in self.objects:
                return 200, self.objects[path], {}
            if method == "GET" and path.rsplit("/", 1)[-1] in COLLECTIONS and _served(path):
                return (*self._list(path, query), {})
            return 404, status(404, "NotFound", f"{path} not found"), {}

    def _bump(self) -> str:
        self._version += 1
        return str(self._version)

    def _reap(self) -> None:
        for path, end in list(self._going.items()):
            if time.monotonic() >= end:
                del self._going[path]
                self.on_gone(self.objects.pop(path))

    def _list(self, path: str, query: dict[str, str]) -> tuple[int, Object]:
        prefix, kind = path.rsplit("/", 1)
        pattern = re.compile(rf"{re.escape(prefix)}(/namespaces/[^/]+)?/{kind}/[^/]+$")
        labels = dict(pair.split("=") for pair in query["labelSelector"].split(",")) if "labelSelector" in query else {}
        node = query.get("fieldSelector", "").partition("spec.nodeName=")[2]
        kind_of = query.get("fieldSelector", "").partition("type=")[2]
        items = [
            obj
            for path, obj in sorted(self.objects.items())
            if pattern.match(path)
            and labels.items() <= (obj["metadata"].get("labels") or {}).items()
            and (not node or obj["spec"]["nodeName"] == node)
            and (not kind_of or obj["type"] == kind_of)
        ]
        start = int(query.get("continue", 0))
        stop = start + min(int(query.get("limit", self.page_limit)), self.page_limit)
        more = {"continue": str(stop)} if stop < len(items) else {}
        meta = {"resourceVersion": str(self._version), **more}
        return 200, {"kind": "List", "apiVersion": "v1", "metadata": meta, "items": items[start:stop]}

    def _create(self, path: str, obj: Object) -> Object:
        obj["metadata"].update(uid=f"uid-{self._bump()}", resourceVersion=self._bump())
        written = obj.pop("stringData", {})
        obj["data"] = {**obj.get("data", {}), **{k: base64.b64encode(v.encode()).decode() for k, v in written.items()}}
        self.objects[f"{path}/{obj['metadata']['name']}"] = obj
        self.on_created(obj)
        return obj

    def _patch(self, path: str, body: Object, manager: str) -> tuple[int, Object]:
        obj = self.objects[path]
        wanted = body["metadata"].pop("resourceVersion", None)
        if wanted not in (None, obj["metadata"]["resourceVersion"]):
            return 409, status(409, "Conflict", "the object has been modified")
        if "unschedulable" in body.get("spec", {}):
            fields = {"f:spec": {"f:unschedulable": {}}}
            obj["metadata"]["managedFields"] = [{"manager": manager, "operation": "Update", "fieldsV1": fields}]
        _merge(obj, body)
        obj["metadata"]["resourceVersion"] = self._bump()
        return 200, obj

    def _evict(self, path: str, body: Object) -> tuple[int, Object]:
        pod = self.objects.get(path)
        if pod is None:
            return 404, status(404, "NotFound", "pods not found")
        conflict = _conflict(pod, body["deleteOptions"])
        if conflict:
            return conflict
        budgets = [
            obj
            for key, obj in self.objects.items()
            if "/poddisruptionbudgets/" in key
            and (obj["spec"]["selector"] or {}).get("matchLabels", {"": 0}).items() <= pod["metadata"]["labels"].items()
        ]
        if len(budgets) > 1:
            text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            return 500, status(500, "", text)
        for budget in budgets:
            if budget["status"]["disruptionsAllowed"] <= 0:
                answer = status(
                    429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget."
                )
                message = f"The disruption budget {budget['metadata']['name']} needs 2 healthy pods and has 2 currently"
                answer["details"] = {"causes": [{"reason": "DisruptionBudget", "message": message}]}
                return 429, answer
            budget["status"]["disruptionsAllowed"] -= 1
        return self._end(path, body["deleteOptions"])

    def _end(self, path: str, options: Object) -> tuple[int, Object]:
        pod = self.objects[path]
        conflict = _conflict(pod, options)
        if conflict:
            return conflict
        pod["metadata"]["deletionTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._going[path] = time.monotonic() + self.termination.get(pod["metadata"]["name"], 0.0)
        return 201, status(201, "", "")


def status(code: int, reason: str, message: str) -> Object:
    return {"kind": "Status", "code": code, "reason": reason, "message": message}


def _conflict(pod: Object, options: Object) -> tuple[int, Object] | None:
    uid = options.get("preconditions", {}).get("uid")
    if uid in (None, pod["metadata"]["uid"]):
        return None
    return 409, status(409, "Conflict", f"the UID in the precondition ({uid}) does not match")


def _group(name: str, versions: t.Iterable[str]) -> Object:
    return {
        "name": name,
        "versions": [{"version": version, "groupVersion": f"{name}/{version}"} for version in versions],
    }


def _served(path: str) -> bool:
    """A collection is served in every version but the removed API that has one version alone."""
    return not path.endswith("/podsecuritypolicies") or path == COLLECTIONS["podsecuritypolicies"]


def _fault(fault: Fault) -> tuple[int, Object, dict[str, str]] | None:
    if isinstance(fault, str):
        return None
    if isinstance(fault, int):
        return fault, status(fault, "", f"fault {fault}"), {}
    return (*fault, {}) if len(fault) == 2 else fault  # type: ignore[return-value]


def _merge(obj: Object, patch: Object) -> None:
    """RFC 7386, in place."""
    for key, value in patch.items():
        if value is None:
            obj.pop(key, None)
        elif isinstance(value, dict):
            _merge(obj.setdefault(key, {}), value)
        else:
            obj[key] = value


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            api.accepted.append(self.headers.get("Accept", ""))
            answer = api.handle(self.command, self.path, body)
            if answer is None:
                self.close_connection = True
                return
            code, obj, headers = answer
            data = json.dumps(obj, separators=(",", ":")).encode()  # as API servers write it
            self.send_response(code)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = answer

        def log_message(self, format: str, *args: t.Any) -> None:
            pass

    return Handler
