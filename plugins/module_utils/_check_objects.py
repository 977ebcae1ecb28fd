# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CustomResourceDefinitions, aggregated APIs, certificate requests, and pods that mount Docker's socket."""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._backends import ready_pods
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding

Row = t.Mapping[str, t.Any]
DOCKER_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")
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


def conversion_webhooks(context: Context) -> t.Iterator[Finding]:
    """Conversion is asked for at every read of an object in another version than it is stored in."""
    for crd in context.facts.get("crds") or ():
        service = crd.get("service")
        if crd.get("conversion") != "Webhook" or not service:
            continue
        pods = ready_pods(context.facts, service)
        if pods == []:
            name = f"{service['ns']}/{service['name']}"
            yield Finding(
                id=f"conversion-webhook-down:{crd['name']}",
                severity="warning",
                title=f"Nobody converts {crd['kind']} between its versions",
                seen=(f"CRD {crd['name']}: its conversion webhook's Service {name} has no ready pod",),
                why="Objects of this kind cannot be read in all versions, so that their controller stands still, and "
                "so may what lists everything (garbage collection, deletion of namespaces).",
                fix=f"Look at the pods behind it: kubectl -n {service['ns']} describe service {service['name']}",
                source=CRD_GUIDE,
            )


def api_services(context: Context) -> t.Iterator[Finding]:
    """Aggregated APIs that are down make discovery incomplete."""
    for row in context.facts.get("api_services") or ():
        if row.get("available"):
            continue
        service = row.get("service") or {}
        yield Finding(
            id=f"api-service-down:{row['name']}",
            severity="warning",
            title=f"The aggregated API {row['name']} is not available",
            seen=(
                f"APIService {row['name']} (Service {service.get('ns')}/{service.get('name')}): {row.get('message')}",
            ),
            why="Clients see an incomplete list of APIs: namespaces cannot be deleted, garbage collection waits, and "
            "what needs this API (autoscaling, where it is metrics) stands still. It makes it harder to tell what the "
            "upgrade broke from what was broken before.",
            fix=f"Mend what is behind it (kubectl describe apiservice {row['name']}), or delete the APIService where "
            "nothing is.",
            source="https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/",
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
