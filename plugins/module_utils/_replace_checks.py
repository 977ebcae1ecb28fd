# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in the way of a replacement, found before anything is touched. Pure.

Sources: kubeadm's documentation of version skew (https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/
create-cluster-kubeadm/#version-skew-policy), Kubernetes' skew policy (_skew), the forecast of the drains.
"""

from __future__ import annotations

import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils import _replace_planes
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import SEVERITIES, Finding, blocker, unread_of
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast import oldest_api_server
from ansible_collections.uplift.kubeadm.plugins.module_utils._forecast_budgets import NEVER, NOW, ROOM
from ansible_collections.uplift.kubeadm.plugins.module_utils._placement_shapes import Facts
from ansible_collections.uplift.kubeadm.plugins.module_utils._replace_cast import (
    CONTROL_PLANE,
    RESET,
    Cast,
    Host,
    New,
    foreign,
    whole,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._skew import skew_violations
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_version

JOIN_DOC = (
    "https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/create-cluster-kubeadm/#version-skew-policy"
)
SKEW_DOC = "https://kubernetes.io/releases/version-skew-policy/"
LABELS_SOURCE = "k8s.io/kubelet/pkg/apis/well_known_labels.go, IsKubeletLabel, read at 1.25 and 1.36"
_LABELS = frozenset(
    (
        *(f"topology.kubernetes.io/{kind}" for kind in ("zone", "region")),
        *(f"failure-domain.beta.kubernetes.io/{kind}" for kind in ("zone", "region")),
        *(f"{prefix}kubernetes.io/{kind}" for prefix in ("", "beta.") for kind in ("os", "arch")),
        *("kubernetes.io/hostname", "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type"),
    )
)
DRAIN_DOC = "https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/"


def find(
    facts: Facts, people: Cast, hosts: t.Sequence[Host], remove: str, rows: t.Iterable[t.Mapping[str, t.Any]]
) -> list[Finding]:
    """All findings. rows: of the drains' forecast."""
    by_name = {host.name: host for host in hosts}
    joining = [new for new in people.new if not new.joined]
    found = [
        *_unread(facts),
        *_at_work(people),
        *_who(people),
        *of_others(facts, hosts, people.silent),
        *_in_service(facts, people),
    ]
    for new in joining:
        found += _joins(facts, new, by_name[new.host])
    found += _replace_planes.find(facts, people, joining, remove)
    return [*found, *_removal(people, remove), *_drains(list(rows))]


def _unread(facts: Facts) -> t.Iterator[Finding]:
    """Without these the forecast would say that all is well."""
    why = unread_of(facts, "pods", "pdbs", "workloads", "volumes")
    if why:
        yield blocker(
            "replace-unread",
            "What the old nodes run could not be read",
            [why],
            "Whether it fits elsewhere is not known.",
            "Give the run a kubeconfig that may list these, and run again.",
        )


# --- who -------------------------------------------------------------------------------------------------------------


def _at_work(people: Cast) -> t.Iterator[Finding]:
    """Of control planes: their member of etcd would be removed, and the host reset, while kubeadm makes it."""
    for new in people.new:
        if new.role == CONTROL_PLANE and (new.look or {}).get("at_work"):
            yield blocker(
                f"replace-at-work:{new.node}",
                f"kubeadm is at work on {new.node}",
                [f"{new.host}: an earlier run has left a kubeadm join there, which has not ended"],
                "What it is becoming is known when it has ended.",
                "Run again in some minutes (systemctl status uplift-kubeadm on the host shows it).",
            )


def _who(people: Cast) -> t.Iterator[Finding]:
    if people.both:
        yield blocker(
            "replace-both",
            "Old and new at the same time",
            people.both,
            "What is to go cannot take over.",
            "Look at the groups replace_nodes_old and replace_nodes_new and at both selectors.",
        )
    if not people.new:
        old = ", ".join(old.node for old in people.old[:5])
        yield blocker(
            "replace-no-new",
            "No new node",
            [f"old: {old}; new: none"],
            "Old nodes go when others take over what they run.",
            "Name hosts in the inventory group replace_nodes_new, or nodes that have joined already with "
            "replace_nodes_new_selector.",
        )


def of_others(facts: Facts, hosts: t.Iterable[Host], silent: t.Sequence[Host]) -> t.Iterator[Finding]:
    """Old hosts to which nothing is done: of another cluster, as the inventory is wrong; or nobody knows which node."""
    if silent:
        yield Finding(
            "replace-old-silent",
            "warning",
            "Old hosts that do not answer, and are called as no node is",
            tuple(f"{host.name}: {host.why or 'unreachable'}" for host in silent),
            "Which node such a host is, it says itself. Where that node is removed already, all is well; where it is "
            "not, it stays, and serves.",
            "See that Ansible reaches it, or name its node by replace_nodes_old_selector, and run again.",
            "",
        )
    for host in hosts:
        if host.old and host.look and foreign(facts, host.look):
            yield blocker(
                f"replace-foreign:{host.name}",
                f"Old host {host.name} belongs to another cluster",
                [f"{host.name}: {_remains(host.look)}"],
                "It is none of this cluster's to be drained or reset.",
                "Take it out of the group replace_nodes_old.",
            )


def of_skipped(pods: t.Sequence[str]) -> t.Iterator[Finding]:
    """An upgrade may leave pods on a node. One that is to go has to be empty."""
    if pods:
        yield blocker(
            "replace-skipped",
            "Pods that kubeadm_upgrade_drain_order skips run on old nodes",
            pods,
            "They would be lost with their node.",
            "Say drain or wait for them in kubeadm_upgrade_drain_order, or move them.",
            DRAIN_DOC,
        )


def _in_service(facts: Facts, people: Cast) -> t.Iterator[Finding]:
    """New nodes that have joined have to be of use."""
    for new in people.new:
        if not new.joined:
            continue
        node = facts["nodes"][new.node]
        if new.role == CONTROL_PLANE and not whole(node):
            yield blocker(
                f"replace-not-whole:{new.node}",
                f"New node {new.node} is in the cluster, and no whole control plane",
                [f"{new.node}: its host is in the group of the control planes; it has no static pod kube-apiserver, or "
                 "not the label node-role.kubernetes.io/control-plane"],
                "It did not join as one here, or its join has come to its end, so it is not reset here: it may serve.",
                "If its API server's manifest was moved away (/etc/kubernetes/manifests), put it back. If it is to "
                "stay a worker, take its host out of the group. If it is to be a control plane, drain it, reset it "
                "(kubeadm reset), delete its Node, and run again. Where only the label is missing, set it.",
            )  # fmt: skip
        trouble = "" if node.get("ready", True) else f"NotReady: {node.get('ready_message') or 'no message'}"
        trouble = trouble or ("cordoned" if node.get("unschedulable") else "")
        if trouble:
            yield blocker(
                f"replace-new-unwell:{new.node}",
                f"New node {new.node} takes no pods",
                [f"{new.node}: {trouble}"],
                "Pods of the old nodes could not go to it.",
                "Mend it (journalctl -u kubelet on the node), or uncordon it, and run again.",
            )


# --- hosts that join -------------------------------------------------------------------------------------------------


def _joins(facts: Facts, new: New, host: Host) -> t.Iterator[Finding]:
    look = host.look
    if look is None:
        yield blocker(
            f"replace-silent:{new.host}",
            f"New host {new.host} does not answer",
            [f"{new.host}: {host.why or 'unreachable'}"],
            "It cannot be joined.",
            "See that Ansible reaches it (ansible -m ping), and run again.",
        )
        return
    set_up = (look.get("name") or look.get("leftovers")) and not new.half
    if foreign(facts, look) or set_up:
        yield blocker(
            f"replace-foreign:{new.host}",
            f"New host {new.host} belongs to another cluster, or did",
            [f"{new.host}: {_remains(look)}"],
            "kubeadm does not join a host that is part of a cluster, and to reset it here might take down another one.",
            f"If it is not in use: kubeadm reset on {new.host}, then run again.",
        )
        return
    missing = [name for name in ("kubeadm", "kubelet") if not look.get(name)]
    if missing:
        yield blocker(
            f"replace-programs:{new.host}",
            f"New host {new.host} has no {' and no '.join(missing)}",
            [f"{new.host}: {', '.join(missing)} not found"],
            "A host is joined with the programs that it has: the collection prepares no hosts.",
            "Install a container runtime, kubeadm and kubelet there, of the cluster's version, and run again.",
        )
        return
    yield from _versions(facts, new, look)
    refused = sorted(key for key in host.labels if not registers(key))
    if refused:
        yield blocker(
            f"replace-labels:{new.host}",
            f"kubelet of new host {new.host} would not start with its labels",
            [f"{new.host}: {', '.join(refused)}"],
            "kubelet registers its node with few labels of kubernetes.io and k8s.io, and ends when it is given others.",
            "Take them out of replace_nodes_labels, and label the node when it has joined (replace_nodes_hook_joined).",
            LABELS_SOURCE,
        )
    if host.control_plane and look.get("patches_there") is False:
        yield blocker(
            f"replace-patches:{new.host}",
            f"New control plane {new.host} lacks the kubeadm patches",
            [f"{new.host}: the folder that kubeadm_upgrade_patches names is not there"],
            "kubeadm would fail half-way, and without them its static pods would not be as those of the others are.",
            "Put the folder there, as on the other control planes, and run again.",
        )
    taken = facts["nodes"].get(new.node)
    called = f"hostname-override is {host.node}" if host.node else f"host name is {look.get('hostname')}"
    if taken is not None and not new.half:
        yield blocker(
            f"replace-name:{new.host}",
            f"The cluster has a node {new.node} already",
            [f"{new.host}: its {called}"],
            "A host that joins is called as its host name is, or as hostname-override in replace_nodes_kubelet_args "
            "says, and would take the place of that node.",
            f"If that node is dead, «kubectl delete node {new.node}»; otherwise give the host another name.",
        )


def registers(label: str) -> bool:
    """Whether a kubelet may register its node with this label (LABELS_SOURCE)."""

    def within(*domains: str) -> bool:
        return any(space == domain or space.endswith(f".{domain}") for domain in domains)

    space = label.partition("/")[0] if "/" in label else ""
    if not within("kubernetes.io", "k8s.io"):
        return True
    return label in _LABELS or within("kubelet.kubernetes.io", "node.kubernetes.io")


def _remains(look: Facts) -> str:
    if look.get("name"):
        return f"its kubelet is that of a node {look['name']}, which this cluster does not know as its own"
    return f"{', '.join((look.get('leftovers') or ['a kubelet'])[:3])} is there"


def _versions(facts: Facts, new: New, look: Facts) -> t.Iterator[Finding]:
    cluster = parse_version(facts.get("cluster", {}).get("kubernetes_version") or facts["version"])
    kubeadm, api = parse_version(look["kubeadm"]), oldest_api_server(facts)
    first = (
        "Bring the control plane there first (uplift.kubeadm.upgrade with kubeadm_upgrade_scope=control_plane), or "
        f"install {minor_name(cluster.minor)} on {new.host}."
    )
    for message in skew_violations({"apiserver": [str(api)], "kubelet": {new.node: look["kubelet"]}}):
        yield blocker(
            f"replace-skew:{new.host}",
            f"kubelet of new host {new.host} and the API servers are too far apart",
            [message],
            "Kubernetes supports no kubelet that is newer than an API server, and none that is much older.",
            first,
            SKEW_DOC,
        )
    if kubeadm.minor != cluster.minor:
        yield blocker(
            f"replace-kubeadm:{new.host}",
            f"kubeadm of new host {new.host} is not of the cluster's minor",
            [f"{new.host}: kubeadm {kubeadm}, the cluster is at {cluster}"],
            "kubeadm joins with a kubeadm of the minor that the cluster was made with, or was last upgraded to.",
            first,
            JOIN_DOC,
        )


# --- removal, and drains ---------------------------------------------------------------------------------------------


def _removal(people: Cast, remove: str) -> t.Iterator[Finding]:
    alone = [old.node for old in people.old if old.role != CONTROL_PLANE and not old.reached]
    if remove == RESET and alone:
        yield Finding(
            "replace-not-reset",
            "warning",
            "Hosts that cannot be reset",
            tuple(f"{name}: no host of it in replace_nodes_old answers" for name in alone),
            "Its Node object is deleted; a kubelet that runs there still would register it again when it is restarted.",
            "Turn the machines off, or reset them yourself.",
            "",
        )


def _drains(rows: list[t.Mapping[str, t.Any]]) -> t.Iterator[Finding]:
    homeless = _by_workload(rows, "unplaceable", lambda entry: entry["why"])
    if homeless:
        yield blocker(
            "replace-room",
            "Not all pods find a place when the old nodes are cordoned",
            homeless,
            "They would stay Pending: the nodes that stay and the new ones have not enough room, or not the labels, "
            "taints, zone or volumes that these pods ask for.",
            "Add new nodes, give them what the pods ask for (replace_nodes_labels), or move the data. The forecast can "
            "err: docs/replace-nodes.md says in what.",
            DRAIN_DOC,
        )
    budgets: dict[str, list[str]] = {}
    for row in rows:
        for entry in row["blocked"]:
            if entry["why"] in (NEVER, NOW) or (entry["why"] == ROOM and entry["certain"]):
                budgets.setdefault(entry["budget"], []).append(f"{entry['pod']} on {row['node']} ({entry['why']})")
    for budget, pods in budgets.items():
        yield blocker(
            f"replace-budget:{budget}",
            f"Disruption budget {budget} lets its pods not go",
            pods,
            "The drain would wait for it until its time-out.",
            f"Mend its pods, add a replica, or change the budget: kubectl -n {budget.partition('/')[0]} get pdb,pods.",
            DRAIN_DOC,
        )
    for key, name, title, why, fix in _STOPS:
        seen = [
            f"{entry['pod']} on {row['node']}"
            for row in rows
            for entry in row[key]
            if entry.get("stops", key == "two_budgets")
        ]
        if seen:
            yield blocker(name, title, seen, why, fix, DRAIN_DOC)


_STOPS = (
    (
        "unmanaged",
        "replace-unmanaged",
        "Pods without a controller",
        "Nobody starts them again elsewhere.",
        "Move or delete them, or say kubeadm_upgrade_drain_force_unmanaged=true to lose them.",
    ),
    (
        "orphans",
        "replace-orphans",
        "Pods of DaemonSets that are gone",
        "Nobody starts them again elsewhere.",
        "Delete them, or say kubeadm_upgrade_drain_force_unmanaged=true.",
    ),
    (
        "empty_dir",
        "replace-empty-dir",
        "Pods with data in emptyDir",
        "It is lost with the pod.",
        "Say kubeadm_upgrade_drain_delete_emptydir_data=true when it may be lost.",
    ),
    (
        "two_budgets",
        "replace-two-budgets",
        "Pods under more than one disruption budget",
        "The API server evicts none of these.",
        "Leave each pod one budget.",
    ),
)


def _by_workload(
    rows: t.Iterable[t.Mapping[str, t.Any]], key: str, what: t.Callable[[t.Mapping[str, t.Any]], str]
) -> list[str]:
    """ "Deployment shop/web, 3 pods: 0/5 nodes: 3 untolerated taint, …"; the reason is the first pod's."""
    told: dict[str, tuple[int, str]] = {}
    for row in rows:
        for entry in row[key]:
            number, said = told.get(entry["workload"], (0, what(entry)))
            told[entry["workload"]] = (number + 1, said)
    return [f"{name}, {number} pod{'' if number == 1 else 's'}: {said}" for name, (number, said) in told.items()]


def judged(findings: t.Iterable[Finding], accept: t.Sequence[str]) -> tuple[list[dict[str, t.Any]], dict[str, int]]:
    """(findings as rows, blockers first, each with `accepted`; how many there are of each kind)."""
    rows = [{**finding.as_dict(), "accepted": finding.id in accept} for finding in findings]
    rows.sort(key=lambda row: (SEVERITIES.index(row["severity"]), row["id"]))
    counts = {
        f"{severity}s": sum(row["severity"] == severity and not row["accepted"] for row in rows)
        for severity in SEVERITIES
    }
    return rows, {**counts, "accepted": sum(row["accepted"] for row in rows), "unchecked": 0}
