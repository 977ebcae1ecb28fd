# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The difference between what is live and what kubeadm would write, as lines that a person knows again. Pure."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._running import repository

# These differ from member to member: a joining one lists all that were there then. etcd reads them once, at its birth.
BIRTH_FLAGS = ("--initial-cluster=", "--initial-cluster-state=")
# What tells the entries of a list of Kubernetes' apart, best first.
KEYS = ("mountPath", "name", "containerPort", "ip", "key")
PASSWORD = re.compile(r"://[^/@\s\"]+@")  # of a proxy: these lines are printed
ZEROES = ("", "0", "0s", None)


# What the API server, or kubelet, adds where nothing is said: there or not, it means the same.
DEFAULTS: dict[str, tuple[t.Any, ...]] = {
    "apiVersion": ("v1",),  # of a fieldRef
    "defaultMode": (420,),
    "dnsPolicy": ("ClusterFirst",),
    "enableServiceLinks": (True,),
    "failureThreshold": (3,),
    "imagePullPolicy": ("IfNotPresent",),
    "maxSurge": ("25%", 0),
    "maxUnavailable": ("25%", 1),
    "periodSeconds": (10,),
    "protocol": ("TCP",),
    "resources": ({},),
    "restartPolicy": ("Always",),
    "rollingUpdate": ({"maxSurge": 0, "maxUnavailable": 1}, {"maxUnavailable": 1}),
    "schedulerName": ("default-scheduler",),
    "scheme": ("HTTP",),
    "securityContext": ({},),
    "successThreshold": (1,),
    "terminationGracePeriodSeconds": (30,),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "timeoutSeconds": (1,),
    "type": ("",),  # of a hostPath
}
# `kubectl rollout restart` leaves it behind, and nobody misses it.
RESTARTED = "kubectl.kubernetes.io/restartedAt"
# kubeadm itself takes the first for the second.
OLD_REGISTRY, REGISTRY = "k8s.gcr.io/", "registry.k8s.io/"


class Difference(t.NamedTuple):
    """What is live and would go, and what kubeadm would write instead."""

    lost: list[str]
    back: list[str]

    def __bool__(self) -> bool:
        return bool(self.lost or self.back)


def manifest_difference(live: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any], rootless: bool) -> Difference:
    """Of two manifests of a static pod. Versions do not count: an upgrade is to change them.

    rootless: kubeadm's feature gate RootlessControlPlane is on. Its users and groups are made at the real run only, so
    that security contexts cannot be compared.
    """
    return _difference(_manifest(live, rootless), _manifest(wanted, rootless))


def workload_difference(live: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> Difference:
    """Of two DaemonSets or Deployments of an add-on: how pods are made and replaced. kubeadm keeps the replicas."""
    return _difference(_workload(live), _workload(wanted))


def plain_difference(live: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> Difference:
    """Of two mappings, as they are."""
    return _difference(live, wanted)


def kubelet_difference(
    live: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any], ignored: t.Iterable[str] = ()
) -> Difference:
    """Of two configurations of kubelet, without the top-level fields in ignored.

    A zero that kubeadm writes where the file has nothing, or the file has where kubeadm writes nothing, says nothing:
    each minor's kubeadm writes all fields that it knows. A number zero at the top of the file is somebody's, though
    (eventRecordQPS: 0 means without limit); below it is kubeadm's (logging.verbosity).
    """
    without = set(ignored)
    ours = {key: value for key, value in wanted.items() if key not in without}
    theirs = {key: value for key, value in live.items() if key not in without}
    return _difference(_without_zeroes(theirs, ours, False), _without_zeroes(ours, theirs, True))


def _difference(live: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> Difference:
    lost: list[str] = []
    back: list[str] = []
    _compare("", live, wanted, lost, back)
    return Difference(lost, back)


def _compare(path: str, live: t.Any, wanted: t.Any, lost: list[str], back: list[str]) -> None:
    """Add the lines of path that are in one of both only. Null is as good as nothing, and a list's order as any."""
    if isinstance(live, list) or isinstance(wanted, list):  # entries are told one by one also where there were none
        live, wanted = [] if live is None else live, [] if wanted is None else wanted
    if live == wanted and type(live) is type(wanted):
        return
    if isinstance(live, dict) and isinstance(wanted, dict):
        for key in [*live, *(key for key in wanted if key not in live)]:
            if key not in wanted and live[key] in DEFAULTS.get(key, ()):
                continue
            _compare(_joined(path, key), live.get(key), wanted.get(key), lost, back)
    elif isinstance(live, list) and isinstance(wanted, list):
        theirs, ours = _keyed(live), _keyed(wanted)
        for key in [*theirs, *(key for key in ours if key not in theirs)]:
            name = path if _is_plain(theirs.get(key, ours.get(key))) else f"{path}[{key}]"
            _compare(name, theirs.get(key), ours.get(key), lost, back)
    else:
        lost.extend(_lines(path, live))
        back.extend(_lines(path, wanted))


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _keyed(items: list[t.Any]) -> dict[str, t.Any]:
    """The entries of a list by what tells them apart: plain values by themselves. A second one of a kind is marked."""
    keyed: dict[str, t.Any] = {}
    for index, item in enumerate(items):
        if isinstance(item, dict):
            key = next((str(item[name]) for name in KEYS if name in item), str(index))
        else:
            key = json.dumps(item)
        while key in keyed:
            key += "'"
        keyed[key] = item
    return keyed


def _is_plain(value: t.Any) -> bool:
    return not isinstance(value, (dict, list))


def _lines(path: str, value: t.Any) -> list[str]:
    """A value as it would stand in the file: a flag as its line, everything else with its path before it."""
    if value is None:
        return []
    text = PASSWORD.sub("://…@", value if isinstance(value, str) else json.dumps(value, sort_keys=True))
    return [f"- {text}" if text.startswith("--") else f"{path}: {text}"]


def _manifest(pod: t.Mapping[str, t.Any], rootless: bool) -> dict[str, t.Any]:
    """A manifest without what is not for a person to edit, its containers by their names."""
    spec = dict(pod.get("spec") or {})
    if rootless:
        spec.pop("securityContext", None)
    for kind in ("containers", "initContainers"):
        if isinstance(spec.get(kind), list):
            spec[kind] = [_container(item, rootless) if isinstance(item, dict) else item for item in spec[kind]]
    rest = {key: value for key, value in pod.items() if key not in ("spec", "status")}
    return {**rest, "spec": spec}


def _workload(workload: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    spec = workload.get("spec") or {}
    template = spec.get("template") or {}
    pod = _manifest({"spec": template.get("spec") or {}}, False)["spec"]
    pod.pop("serviceAccount", None)  # the old name of serviceAccountName, which the API server keeps alike
    metadata = template.get("metadata") or {}
    annotations = {key: text for key, text in (metadata.get("annotations") or {}).items() if key != RESTARTED}
    told = {"labels": metadata.get("labels"), "annotations": annotations or None}
    strategy = {key: spec.get(key) for key in ("strategy", "updateStrategy")}
    return {"spec": {**strategy, "template": {"metadata": told, "spec": pod}}}


def _container(container: t.Mapping[str, t.Any], rootless: bool) -> dict[str, t.Any]:
    told = dict(container)
    if isinstance(told.get("image"), str):
        image = repository(told["image"])
        told["image"] = REGISTRY + image[len(OLD_REGISTRY) :] if image.startswith(OLD_REGISTRY) else image
    if isinstance(told.get("command"), list):
        told["command"] = [word for word in told["command"] if not str(word).startswith(BIRTH_FLAGS)]
    if isinstance(told.get("env"), list):
        told["env"] = _without_vain_exceptions(told["env"]) or None
    if rootless:
        told.pop("securityContext", None)
    return told


def _without_vain_exceptions(env: list[t.Any]) -> list[t.Any]:
    """Variables without NO_PROXY where there is no proxy that it could except anything from.

    kubeadm copies the proxy variables of its own surroundings. Whoever first ran it may have had NO_PROXY alone (kind
    does), and nobody will miss it.
    """
    names = {str(item.get("name")).lower() for item in env if isinstance(item, dict)}
    if names & {"http_proxy", "https_proxy", "ftp_proxy", "all_proxy"}:
        return env
    return [item for item in env if not (isinstance(item, dict) and str(item.get("name")).lower() == "no_proxy")]


def _without_zeroes(mine: t.Any, other: t.Any, numbers: bool) -> t.Any:
    """mine, without the keys that the other does not have and that mean nothing here. numbers: 0 means nothing too."""
    if not isinstance(mine, dict):
        return mine
    kept = {}
    there = other if isinstance(other, dict) else {}
    for key, value in mine.items():
        if key not in there and _is_zero(value, numbers):
            continue
        kept[key] = _without_zeroes(value, there.get(key), True)
    return kept


def _is_zero(value: t.Any, numbers: bool) -> bool:
    if isinstance(value, dict):
        return all(_is_zero(item, True) for item in value.values())
    if isinstance(value, list):
        return not value
    if isinstance(value, bool):
        return False
    return value in ZEROES or (numbers and value == 0)
