# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one cluster runs, compared with what another does. Pure: no I/O, no clock.

What a cluster runs is {"Deployment shop/web": {"counts": [wanted, ready], "images": {"web": "shop/web:1.4"}}, …}; each
kind has the facts that its function below gives it. Of Secrets the names alone are known, of ConfigMaps digests.
"""

from __future__ import annotations

import base64
import fnmatch
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._workloads import of_workload

Facts = dict[str, Any]
Running = dict[str, Facts]
Difference = dict[str, str]

# The cluster's own: each cluster has what fits its version.
OWN_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease"})
CATEGORIES = {
    "missing": "is missing on {here}",
    "older": "older on {here}",
    "not_ready": "not Ready on {here}",
    "fewer": "fewer on {here} than on {there}",
    "differs": "different on {here}",
    "twice": "would run on both",
}
MOST_LINES = 40  # a category
_DIGITS = re.compile(r"\d+")
_VERSION = re.compile(r"v?\d+(\.\d+)*")


def _workload(kind: str) -> Callable[[Mapping[str, Any]], Facts]:
    return lambda obj: {"counts": of_workload(kind, obj)[1], "images": _images(obj["spec"]["template"])}


def _service(obj: Mapping[str, Any]) -> Facts:
    spec = obj["spec"]
    ports = sorted(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in spec.get("ports") or [])
    return {"type": spec.get("type", "ClusterIP"), "ports": ports}


def _ingress(obj: Mapping[str, Any]) -> Facts:
    return {"hosts": sorted({rule.get("host") or "*" for rule in obj["spec"].get("rules") or []})}


def _config_map(obj: Mapping[str, Any]) -> Facts:
    data = {**(obj.get("data") or {}), **(obj.get("binaryData") or {})}
    return {"keys": {key: hashlib.sha256(value.encode()).hexdigest()[:16] for key, value in data.items()}}


def _cron_job(obj: Mapping[str, Any]) -> Facts:
    spec = obj["spec"]
    images = _images(spec["jobTemplate"]["spec"]["template"])
    return {"active": not spec.get("suspend"), "schedule": spec["schedule"], "images": images}


def _job(obj: Mapping[str, Any]) -> Facts:
    ended = any(
        c["type"] in ("Complete", "Failed") and c["status"] == "True"
        for c in (obj.get("status") or {}).get("conditions") or []
    )
    return {"active": not ended and not obj["spec"].get("suspend")}


OF_KIND: dict[str, Callable[[Mapping[str, Any]], Facts]] = {
    **{kind: _workload(kind) for kind in ("Deployment", "StatefulSet", "DaemonSet")},
    "Service": _service,
    "Ingress": _ingress,
    "ConfigMap": _config_map,
    "Secret": lambda _obj: {},
    "CronJob": _cron_job,
    "Job": _job,
}


def of_object(kind: str, obj: Mapping[str, Any]) -> tuple[str, Facts] | None:
    """The entry of an object as the API has it; None for what each cluster makes for itself."""
    meta = obj["metadata"]
    name, owned = meta["name"], bool(meta.get("ownerReferences"))
    if meta["namespace"] in OWN_NAMESPACES:
        return None
    if kind == "ConfigMap" and (owned or name == "kube-root-ca.crt"):
        return None
    if kind == "Secret":
        token = "kubernetes.io/service-account.name" in (meta.get("annotations") or {})
        if owned or token or name.startswith("sh.helm.release.v1."):
            return None
    if kind == "Job" and owned:  # a CronJob's, which is compared itself
        return None
    return f"{kind} {meta['namespace']}/{name}", OF_KIND[kind](obj)


def compare(
    there: Running, here: Running, names: tuple[str, str], ignore: Iterable[str]
) -> dict[str, list[Difference]]:
    """What `here` lacks of what runs `there`, and what would run on both, by category of CATEGORIES.

    `names` are those of the clusters (there, here). `ignore` are entries, as in "ConfigMap shop/*", that are accepted.
    What runs here alone is no difference; nor is an image that is newer here.
    """
    patterns = list(ignore)
    found: dict[str, list[Difference]] = {category: [] for category in CATEGORIES}
    for what in sorted(there):
        if any(fnmatch.fnmatchcase(what, pattern) for pattern in patterns):
            continue
        kind = what.partition(" ")[0]
        for category, why in _of_pair(kind, there[what], here.get(what), names):
            found[category].append({"what": what, "why": why, "line": f"{what}: {why}"})
    return found


def lines(found: Mapping[str, list[Difference]], compared: int, names: tuple[str, str]) -> list[str]:
    """The comparison for people: a sentence, then what differs, by category."""
    there, here = names
    counts = [
        f"{len(each)} {CATEGORIES[category].format(here=here, there=there)}" for category, each in found.items() if each
    ]
    told = [f"{compared} objects of {there} were compared with {here}: {', '.join(counts) or 'nothing differs'}."]
    for each in found.values():
        told += [difference["line"] for difference in each[:MOST_LINES]]
        told += [f"and {len(each) - MOST_LINES} more"] if len(each) > MOST_LINES else []
    return told


def pack(running: Running) -> str:
    content = json.dumps(running, separators=(",", ":"), sort_keys=True)
    return base64.b64encode(gzip.compress(content.encode(), mtime=0)).decode()


def unpack(text: str) -> Running:
    """Raises UpliftError for what was not packed here."""
    try:
        content = json.loads(gzip.decompress(base64.b64decode(text, validate=True)))
    except (OSError, ValueError, EOFError) as e:
        raise UpliftError(f"The snapshot is none that «state: exported» returned: {e}.") from e
    return dict(content)


def _of_pair(kind: str, there: Facts, here: Facts | None, names: tuple[str, str]) -> list[tuple[str, str]]:
    name = names[1]
    if here is None:
        return [] if kind == "Job" else [("missing", f"is not on {name}")]
    found: list[tuple[str, str]] = []
    if there.get("active") and here.get("active"):
        when = f" ({here['schedule']})" if kind == "CronJob" else ""
        found.append(("twice", f"runs on {names[0]} and on {name}{when}; suspend one, unless it may run twice"))
    found += _of_images(there.get("images", {}), here.get("images", {}), names)
    if "counts" in there:
        found += _of_counts(kind, there["counts"], here["counts"], names)
    for fact in ("type", "ports", "hosts", "schedule"):
        if there.get(fact) != here.get(fact):
            found.append(
                ("differs", f"{fact}: {_plain(there.get(fact))} on {names[0]}, {_plain(here.get(fact))} on {name}")
            )
    keys = there.get("keys", {})
    other = sorted(key for key in {*keys, *here.get("keys", {})} if keys.get(key) != here["keys"].get(key))
    if other:
        found.append(("differs", f"other content of {', '.join(other[:5])}{' and more' if len(other) > 5 else ''}"))
    return found


def _of_images(there: Mapping[str, str], here: Mapping[str, str], names: tuple[str, str]) -> list[tuple[str, str]]:
    found = []
    for container, image in sorted(there.items()):
        other = here.get(container)
        if other is None:
            found.append(("differs", f"has no container {container} on {names[1]}"))
            continue
        before, now = _tag(image), _tag(other)
        older = now and before and now < before
        if older or (other != image and not (now and before and now > before)):
            category = "older" if older else "differs"
            found.append((category, f"container {container} is {other} on {names[1]}, {image} on {names[0]}"))
    return found


def _of_counts(kind: str, there: list[int], here: list[int], names: tuple[str, str]) -> list[tuple[str, str]]:
    (wanted_there, _ready), (wanted, ready) = there, here
    if ready < wanted:
        return [("not_ready", f"{ready} of {wanted} are Ready on {names[1]}")]
    if kind != "DaemonSet" and wanted < wanted_there:
        return [("fewer", f"{wanted} replicas on {names[1]}, {wanted_there} on {names[0]}")]
    return []


def _images(template: Mapping[str, Any]) -> dict[str, str]:
    return {container["name"]: container["image"] for container in template["spec"]["containers"]}


def _tag(image: str) -> tuple[int, ...] | None:
    """The numbers of a tag that is a version; None for others (latest, digests), which have no order."""
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    number = tag.partition("-")[0]
    return tuple(map(int, _DIGITS.findall(number))) if _VERSION.fullmatch(number) else None


def _plain(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
