# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CustomResourceDefinitions, aggregated APIs, certificate requests, and pods that mount Docker's socket."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._backends import Backends
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing

Row = t.Mapping[str, t.Any]
DOCKER_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")
AGGREGATION = "https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/"
CRD_GUIDE = "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/"


def lost_versions(context: Context) -> t.Iterator[Finding]:
    """Stored versions that the definition no longer has: such objects cannot be read, and their lists fail."""
    for crd in context.facts.get("crds") or ():
        names = {version["name"] for version in crd.get("versions") or ()}
        lost = [version for version in crd.get("stored_versions") or () if version not in names]
        if lost:
            yield Finding(
                id=f"crd-version-lost:{crd['name']}",
                severity="warning",
                title=f"{crd['kind']}: objects may be stored in a version that its definition no longer has",
                seen=(f"CRD {crd['name']}: status.storedVersions has {', '.join(lost)}, its versions are "
                      f"{', '.join(sorted(names)) or 'none'}",),
                why="The API server cannot read such objects, so that lists of the kind fail; what lists everything "
                "(garbage collection, deletion of namespaces, backups) stops there. The upgrade does not mend it.",
                fix=f"Look with «kubectl get {crd['name']} -A». Where it works, and all objects were written since: "
                f"«kubectl patch crd {crd['name']} --subresource=status --type=merge -p "
                "'{\"status\":{\"storedVersions\":[\"CURRENT\"]}}'». Where it fails, give the definition the old "
                "version back (served: false is enough), then write each object anew.",
                source=CRD_GUIDE,
            )  # fmt: skip


def old_versions(context: Context) -> t.Iterator[Finding]:
    """Stored versions that are on their way out; the next release of the add-on may drop them."""
    seen = []
    for crd in context.facts.get("crds") or ():
        versions = {version["name"]: version for version in crd.get("versions") or ()}
        for name in crd.get("stored_versions") or ():
            version = versions.get(name)
            if version and not version.get("storage") and (not version.get("served") or version.get("deprecated")):
                state = "deprecated" if version.get("served") else "no longer served"
                seen.append(f"CRD {crd['name']}: {name} is {state}, and objects may still be stored in it")
    if seen:
        yield Finding(
            id="crd-stored-versions",
            severity="info",
            title="Definitions with objects stored in versions that are on their way out",
            seen=tuple(seen),
            why="Nothing of this upgrade. A newer release of the add-on that drops the version cannot be installed, or "
            "loses objects, until they are written anew and status.storedVersions is narrowed.",
            fix="Before the add-on is upgraded: write all objects anew (its own migration, or kubectl get and "
            "replace), then take the version out of status.storedVersions.",
            source=CRD_GUIDE,
        )


def conversion_webhooks(context: Context) -> t.Iterator[Finding | Unchecked]:
    """Conversion is asked for at every read of an object in another version than it is stored in."""
    backends = Backends(context.facts, context.plan)
    in_doubt, drained = [], _Drained()
    for crd in context.facts.get("crds") or ():
        if crd.get("conversion") != "Webhook":
            continue
        service = crd.get("service")  # none: it leads to an address outside of the cluster
        pods = backends.ready(service) if service else None
        if pods is None:
            in_doubt.append(crd["name"])
        elif not pods:
            yield _no_conversion(crd, service)
        else:
            drained.add(backends, service, pods, f"CRD {crd['name']}")
    yield from _in_doubt("conversion-webhooks", "converts objects of", in_doubt, backends)
    yield from drained.findings(
        "conversion-webhook-drained",
        "Nobody converts objects between versions while {} is drained",
        "Objects of these kinds cannot be read in all versions until another pod is Ready, so that their controllers "
        "stand still for that time.",
        CRD_GUIDE,
    )


def _no_conversion(crd: Row, service: Row) -> Finding:
    name = f"{service['ns']}/{service['name']}"
    return Finding(
        id=f"conversion-webhook-down:{crd['name']}",
        severity="warning",
        title=f"Nobody converts {crd['kind']} between its versions",
        seen=(f"CRD {crd['name']}: its conversion webhook's Service {name} has no ready pod",),
        why="Objects of this kind cannot be read in all versions, so that their controller stands still, and "
        "so may what lists everything (garbage collection, deletion of namespaces).",
        fix=f"Look at the pods behind it: kubectl -n {service['ns']} describe service {service['name']}",
        source=CRD_GUIDE,
    )


def api_services(context: Context) -> t.Iterator[Finding | Unchecked]:
    """Aggregated APIs that are down, or will be during a drain, make discovery incomplete."""
    backends = Backends(context.facts, context.plan)
    in_doubt, drained = [], _Drained()
    for row in context.facts.get("api_services") or ():
        if not row.get("available"):
            yield _not_available(row)
            continue
        service = row.get("service")
        pods = backends.ready(service) if service else None
        if pods is None:
            in_doubt.append(row["name"])
        elif pods:
            drained.add(backends, service, pods, f"APIService {row['name']}")
    yield from _in_doubt("api-services", "answers for", in_doubt, backends)
    yield from drained.findings(
        "api-service-drained",
        "Aggregated APIs are not available while {} is drained",
        "Until another pod is Ready clients see an incomplete list of APIs, and what needs these (autoscaling, where "
        "it is metrics) stands still.",
        AGGREGATION,
    )


def _not_available(row: Row) -> Finding:
    service = row.get("service") or {}
    return Finding(
        id=f"api-service-down:{row['name']}",
        severity="warning",
        title=f"The aggregated API {row['name']} is not available",
        seen=(f"APIService {row['name']} (Service {service.get('ns')}/{service.get('name')}): {row.get('message')}",),
        why="Clients see an incomplete list of APIs: namespaces cannot be deleted, garbage collection waits, and "
        "what needs this API (autoscaling, where it is metrics) stands still. It makes it harder to tell what the "
        "upgrade broke from what was broken before.",
        fix=f"Mend what is behind it (kubectl describe apiservice {row['name']}), or delete the APIService where "
        "nothing is.",
        source=AGGREGATION,
    )


def _in_doubt(check: str, does: str, names: list[str], backends: Backends) -> t.Iterator[Unchecked]:
    """Things of which it cannot be told who answers for them."""
    if not names:
        return
    why = f"Whether somebody {does} {listing(names)} all through the upgrade is not known"
    if backends.unread:
        yield Unchecked(check, f"{why}.", backends.unread)
    else:
        yield Unchecked(
            check,
            f"{why}: they lead out of the cluster, or to a Service without a selector, and what is there is not seen.",
        )


class _Drained:
    """What one wave of drains leaves without anybody to answer, by the Service behind it."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._nodes: dict[str, list[str]] = {}

    def add(self, backends: Backends, service: Row, pods: t.Sequence[Row], what: str) -> None:
        nodes = backends.drained_at_once(pods)
        if nodes:
            name = f"{service['ns']}/{service['name']}"
            line = f"{what}: all ready pods behind Service {name} are on {listing(nodes, 3)}"
            self._lines.setdefault(name, []).append(line)
            self._nodes[name] = nodes

    def findings(self, check: str, title: str, why: str, source: str) -> t.Iterator[Finding]:
        for name, lines in self._lines.items():
            yield Finding(
                id=f"{check}:{name}",
                severity="info",
                title=title.format(listing(self._nodes[name], 3)),
                seen=tuple(lines),
                why=why,
                fix="Where that matters, run two replicas that do not share a node, with a PodDisruptionBudget.",
                source=source,
            )


def pending_requests(context: Context) -> t.Iterator[Finding]:
    """Requests that nobody approves: information, as many clusters leave serving certificates of kubelets so."""
    names = context.facts.get("certificate_requests_pending") or ()
    if names:
        yield Finding(
            id="certificate-requests-pending",
            severity="info",
            title="Certificate requests wait for approval",
            seen=tuple(f"CertificateSigningRequest {name}" for name in names),
            why="A kubelet whose new client certificate is not approved loses the cluster when the old one ends; one "
            "without a serving certificate gives no logs and metrics.",
            fix="kubectl get csr, then kubectl certificate approve NAME for those that are expected.",
            source="https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/",
        )


def docker_socket(context: Context) -> t.Iterator[Finding]:
    """Pods that talk to Docker itself. It bites where nodes leave Docker, which 1.24 makes them do."""
    pods = [
        f"Pod {pod['ns']}/{pod['name']} on {pod.get('node') or 'no node'}: mounts {path}"
        for pod in context.facts.get("pods") or ()
        for path in pod.get("host_paths") or ()
        if path.rstrip("/") in DOCKER_SOCKETS
    ]
    if pods:
        yield Finding(
            id="docker-socket",
            severity="warning" if "1.24" in context.minors else "info",
            title="Pods use Docker's socket on their node",
            seen=tuple(pods),
            why="kubelet runs no containers through Docker from 1.24 on (but for cri-dockerd). On a node that is moved "
            "to another runtime such a pod finds no socket, or an old Docker that knows none of the node's pods.",
            fix="Build images with a tool that needs no daemon (BuildKit, Kaniko), read logs and metrics through the "
            "CRI, or keep Docker through cri-dockerd.",
            source="https://kubernetes.io/docs/tasks/administer-cluster/migrating-from-dockershim/",
            minor="1.24" if "1.24" in context.minors else "",
        )


CHECKS: tuple[Check, ...] = (
    lost_versions,
    old_versions,
    conversion_webhooks,
    api_services,
    pending_requests,
    docker_socket,
)
