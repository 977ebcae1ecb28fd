# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who still uses APIs that the minors to come no longer serve, by the best authority that can be had.

In this order: what each API server counted (apiserver_requested_deprecated_apis), who last wrote an object through the
old version (managedFields), what Helm releases and scanned files hold. The annotation last-applied-configuration says
what somebody once applied, and is advice only.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import days_between
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import SEVERITIES, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import removed_apis
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor

Row = t.Mapping[str, t.Any]

BLOCKER, WARNING, INFO = SEVERITIES
SHORT_WINDOW = 7  # days: what is called once a week is not seen in less
RECENT = 30  # days: a write within these is by somebody who still does so
USAGE = "apiserver_requested_deprecated_apis"
GUIDE = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/"

# Managers whose entries in managedFields say nothing of a client: the control plane, which is upgraded with the
# cluster, and entries that the API server makes up. An old entry stays until the object is written anew.
OWN_MANAGERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubeadm")
OWN_PREFIXES = ("api-priority-and-fairness-config-", "before-first-apply")

# Calls that the cluster's own control plane makes, which the metric cannot tell from a client's: (group, version,
# resource) to the minors of API servers at which they are seen, and who calls.
# - The garbage collector watches every kind in the group's preferred version. PodSecurityPolicy has no other version
#   than the removed one. A new version of flowcontrol becomes the preferred one a minor after the old is deprecated
#   (deprecation policy, rule 4b; kubernetes/kubernetes#114492), and a controller manager that is upgraded after its API
#   server still calls what it found in the minor before.
# - Schedulers up to 1.23 read storage capacities as v1beta1 (kubernetes/kubernetes#108445), and are upgraded after the
#   API server; the mark that this leaves stays until that API server ends.
# - Up to 1.21 the preferred version of policy and of discovery.k8s.io was v1beta1.
_COLLECTOR = "the garbage collector in kube-controller-manager"
_FLOWS = ("flowschemas", "prioritylevelconfigurations")
_FLOW_VERSIONS = {"v1beta1": ("1.23", "1.24"), "v1beta2": ("1.26", "1.27"), "v1beta3": ("1.29", "1.30")}
OWN_CALLS: dict[tuple[str, str, str], tuple[tuple[str, ...], str]] = {
    ("policy", "v1beta1", "podsecuritypolicies"): (("1.21", "1.22", "1.23", "1.24"), _COLLECTOR),
    ("storage.k8s.io", "v1beta1", "csistoragecapacities"): (("1.24",), "kube-scheduler before its own upgrade to 1.24"),
    ("policy", "v1beta1", "poddisruptionbudgets"): (("1.21", "1.22"), _COLLECTOR),
    ("discovery.k8s.io", "v1beta1", "endpointslices"): (("1.21", "1.22"), f"{_COLLECTOR}, or kube-proxy 1.21"),
    **{
        ("flowcontrol.apiserver.k8s.io", version, resource): (minors, _COLLECTOR)
        for version, minors in _FLOW_VERSIONS.items()
        for resource in _FLOWS
    },
}


@dataclass(frozen=True)
class Witness:
    """One reason to believe that an API is used.

    authority: usage (a client's call), own (a call that the control plane itself makes), managed_fields, helm, file or
        last_applied.
    """

    severity: str
    authority: str
    line: str


def removed_api_findings(context: Context) -> t.Iterator[Finding | Unchecked]:
    """A finding an API kind, with everyone who was seen to use it; and which API servers could not be asked."""
    target = context.minors[-1] if context.minors else context.current
    after = minor_name(parse_minor(target) + 1)
    rows = list(removed_apis("1.0", after))
    if removed_apis(context.current, after):
        yield from _gaps(context)
    yield from _unread_files(context)
    known = {(row["group"], row["version"], row["resource"].partition("/")[0]) for row in rows}
    named = _named(context)
    for row in [*rows, *_unlisted(context, known, after)]:
        witnesses = [*_usage(context, row), *_objects(context, row, named.get((_api(row), row["kind"]), []))]
        if witnesses:
            yield _finding(context, row, witnesses, target)


CHECKS = (removed_api_findings,)


def _finding(context: Context, row: Row, witnesses: t.Sequence[Witness], target: str) -> Finding:
    removed = row["removed_in"]
    name = f"{_api(row)} {row['kind']}"
    severity = min((witness.severity for witness in witnesses), key=SEVERITIES.index)
    if severity == INFO:
        title = f"{name} goes in {removed}; nobody was seen to need it"
    elif parse_minor(removed) > parse_minor(target):
        severity, title = INFO, f"{name} is in use, and goes in {removed}, the minor after this upgrade"
    elif parse_minor(removed) <= parse_minor(context.current):
        severity, title = INFO, f"{name} is still named, and went in {removed}"
    else:
        title = f"{name} goes in {removed} and is in use"
    return Finding(
        id=f"removed-api:{_api(row)}/{row['kind']}",
        severity=severity,
        title=title,
        seen=tuple(witness.line for witness in witnesses),
        why=_why(row),
        fix=_fix(row, {witness.authority for witness in witnesses}),
        source=f"{GUIDE}, {row['source']}",
        minor=removed,
    )


def _why(row: Row) -> str:
    removed, kind = row["removed_in"], row["kind"]
    why = [f"An API server of {removed} answers calls to {_api(row)} {kind} with 404."]
    if row["kind_survives"]:
        why.append(
            f"Stored objects are safe, and readable as {row['replacement']}; what breaks is who calls the old one."
        )
    elif row["stored"]:
        why.append(
            "The kind goes as a whole: objects that are there are out of reach after, and what they did is over."
        )
    return " ".join([*why, row["note"]]).strip()


def _fix(row: Row, authorities: t.Collection[str]) -> str:
    new = (
        f"Use {row['replacement']}." if row["replacement"] else f"Do without {row['kind']} before {row['removed_in']}."
    )
    fixes = [new]
    if "usage" in authorities:
        fixes.append(
            "Who calls is in the API server's audit log, in events with the annotation k8s.io/deprecated; controllers "
            "that watch whatever the API server offers call it too, and do without. An API server counts until it "
            "restarts, so that a client which was mended is still seen. After the change, on one of the named nodes "
            "after the other: crictl stop --timeout 90 $(crictl ps -q --name kube-apiserver); kubelet starts it again. "
            "Wait for as long as your slowest client needs to call, and plan again. A hop restarts them too: where the "
            "API goes at a later one, upgrade up to there, and plan again."
        )
    if "managed_fields" in authorities:
        fixes.append(
            "Bring the named client to the new version; an entry no longer counts once its client wrote through that."
        )
    if "helm" in authorities:
        fixes.append(
            "Upgrade the chart before the hop, as Helm cannot upgrade or remove a release that names an API which is "
            "gone; where there is no newer chart, the plugin mapkubeapis (helm mapkubeapis RELEASE) rewrites it."
        )
    if "file" in authorities:
        fixes.append("Change the named files before they are applied again.")
    if authorities == {"last_applied"}:
        fixes.append("Look whether the manifest that it was applied from is still in use, and is still so.")
    return " ".join(fixes)


def _usage(context: Context, row: Row) -> t.Iterator[Witness]:
    """What API servers counted. resource: of the row; its subresources count as itself."""
    for node, usage in _usages(context):
        calls = [request for request in usage.get("requests") or () if _is_call(request, row)]
        if not calls:
            continue
        since = str(usage.get("since") or "")[:10]
        paths = sorted({"/".join(filter(None, (call["resource"], call.get("subresource")))) for call in calls})
        line = f"API server on {node}: {_api(row)} {', '.join(paths)} was called since {since or 'its start'} ({USAGE})"
        minors, who = OWN_CALLS.get((row["group"], row["version"], row["resource"]), ((), ""))
        if _minor_of_api_server(context, node) not in minors:
            yield Witness(BLOCKER, "usage", line)
        elif _may_be_a_client(context, row["resource"]):
            yield Witness(WARNING, "usage", f"{line}; {who} did so too")
        else:
            yield Witness(INFO, "own", f"{line}; {who} does so")


def _may_be_a_client(context: Context, resource: str) -> bool:
    """Is it likely that somebody else than the control plane made a call that the control plane makes as well?"""
    if resource == "csistoragecapacities":  # a driver may keep them
        return bool(context.facts.get("csi_drivers"))
    return resource in ("poddisruptionbudgets", "endpointslices")


Named = dict[tuple[str, str], list[tuple[str, Row, Row]]]


def _named(context: Context) -> Named:
    """What names an object with its API: {(apiVersion, kind): [(where from, object, Helm release or {})]}."""
    named: Named = {}
    for write in context.facts.get("old_api_writes") or ():
        named.setdefault((_api(write), write["kind"]), []).append((write["authority"], write, {}))
    for release in context.facts.get("helm_releases") or ():
        for obj in release.get("objects") or ():
            named.setdefault((obj.get("apiVersion"), obj.get("kind")), []).append(("helm", obj, release))
    for obj in (context.options.get("manifests") or {}).get("objects") or ():
        named.setdefault((obj.get("apiVersion"), obj.get("kind")), []).append(("file", obj, {}))
    return named


def _objects(context: Context, row: Row, named: t.Iterable[tuple[str, Row, Row]]) -> t.Iterator[Witness]:
    for authority, obj, release in named:
        name = f"{row['kind']} {_name(obj)}"
        if authority == "last_applied":
            yield Witness(INFO, authority, f"{name}: once applied as {_api(row)} (last-applied annotation)")
        elif authority == "managed_fields":
            yield from _write(context, row, obj, name)
        elif authority == "helm":
            where = f"{release['ns']}/{release['name']} ({release.get('chart') or 'chart unknown'}"
            yield Witness(BLOCKER, authority, f"Helm release {where}, revision {release['revision']}): {name}")
        else:
            guess = ", read line by line, as it is a template" if obj.get("guess") else ""
            yield Witness(BLOCKER, "file", f"{obj['file']}:{obj['line']}: {name} as {_api(row)}{guess}")


def _write(context: Context, row: Row, write: Row, name: str) -> t.Iterator[Witness]:
    """An entry of managedFields. Where the kind goes as a whole, it proves that there are objects to lose."""
    manager, day = str(write.get("manager") or ""), str(write.get("time") or "")[:10]
    who = (manager or "an unnamed client") + (f" on {day}" if day else "")
    if not row["kind_survives"]:
        yield Witness(BLOCKER, "managed_fields", f"{name} exists, last written by {who} (managedFields)")
    elif manager not in OWN_MANAGERS and not manager.startswith(OWN_PREFIXES):
        age = _days(day, context.today)
        line = f"{name}: last written as {_api(row)} by {who} (managedFields)"
        yield Witness(BLOCKER if age is not None and age <= RECENT else WARNING, "managed_fields", line)


def _unlisted(context: Context, known: t.Collection[tuple[str, str, str]], after: str) -> t.Iterator[Row]:
    """Rows for calls that API servers say will be removed, and that the table does not have; the server knows best."""
    calls = {}
    for _node, usage in _usages(context):
        for call in usage.get("requests") or ():
            key = (call["group"], call["version"], call["resource"])
            if key not in known and call.get("removed_release"):
                calls[key] = call["removed_release"]
    for (group, version, resource), removed in sorted(calls.items()):
        if parse_minor(removed) <= parse_minor(after):
            row = {"group": group, "version": version, "kind": resource, "resource": resource, "removed_in": removed}
            yield {**row, "replacement": None, "kind_survives": False, "stored": False, "note": "", "source": USAGE}


def _gaps(context: Context) -> t.Iterator[Finding | Unchecked]:
    """API servers that could not be asked what is called, and those that have not run for long."""
    short = []
    for name, node in (context.facts.get("nodes") or {}).items():
        if "kube-apiserver" not in (node.get("static_pods") or {}):
            continue
        facts = context.nodes.get(name)
        usage = (facts or {}).get("api_usage")
        if not usage:
            why = (
                "it is not in the inventory of this run"
                if facts is None
                else (facts.get("unread") or {}).get("api_usage")
            )
            yield Unchecked(
                f"removed-api:usage:{name}",
                f"What clients call is not known from the API server on {name}: {why or 'its metrics were not read'}. "
                "Calls to removed APIs that went there are not seen.",
            )
            continue
        days = _days(usage.get("since"), context.today)
        if days is None or days < SHORT_WINDOW:
            ago = "an unknown time" if days is None else "less than a day" if days < 1 else f"{days} days"
            short.append(f"API server on {name}: runs since {usage.get('since') or 'an unknown time'}, {ago}")
    if short:
        yield Finding(
            id="removed-api-window",
            severity=INFO,
            title=f"API servers that count calls for less than {SHORT_WINDOW} days",
            seen=tuple(short),
            why="An API server counts calls to old APIs from its start on. What is called less often, such as by a "
            "weekly job, is not seen.",
            fix="Plan again later, or look into the audit log.",
            source=USAGE,
        )


def _unread_files(context: Context) -> t.Iterator[Unchecked]:
    for gap in (context.options.get("manifests") or {}).get("unread") or ():
        yield Unchecked("removed-api:files", f"{gap['file']}: {gap['why']}. Removed APIs in it are not seen.")


def _usages(context: Context) -> list[tuple[str, Row]]:
    return [(name, node["api_usage"]) for name, node in context.nodes.items() if node.get("api_usage")]


def _minor_of_api_server(context: Context, node: str) -> str:
    pods = ((context.facts.get("nodes") or {}).get(node) or {}).get("static_pods") or {}
    version = (pods.get("kube-apiserver") or {}).get("version")
    return minor_name(parse_minor(version)) if version else context.current


def _is_call(call: Row, row: Row) -> bool:
    """A row may be of a subresource ("pods/eviction"), which then has to be the one that was called."""
    resource, _slash, subresource = row["resource"].partition("/")
    if (call["group"], call["version"], call["resource"]) != (row["group"], row["version"], resource):
        return False
    return not subresource or call.get("subresource") == subresource


def _api(row: Row) -> str:
    return f"{row['group']}/{row['version']}".lstrip("/")


def _name(obj: Row) -> str:
    """NAMESPACE/NAME, or as much of it as is known; templates may have none."""
    namespace = obj.get("ns") or obj.get("namespace")
    return "/".join(str(part) for part in (namespace, obj.get("name") or "without a name") if part)


def _days(since: t.Any, today: str) -> int | None:
    """Whole days from a date or time (RFC 3339) to today; None when it is not one."""
    try:
        return max(0, days_between(str(since or ""), today))
    except ValueError:
        return None
