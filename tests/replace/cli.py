# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two new workers, and with three control planes a new one, take over; given back, taken over again, removed."""

from __future__ import annotations

import argparse
import base64
import json
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab import cluster as lab_cluster
from scenario.frame import Figures, ended
from scenario.kube import Kube, Object, is_ready
from scenario.world import HOPS, ScenarioError, add_options, build, method, say, wait, world

from .site import BUDGET, REPLICAS, TARGET, Network, Site, Workload

VERSION = HOPS[0]
SETTLE = 120.0  # seconds that pods may take to be Ready
ETCDCTL = (
    "crictl exec $(crictl ps --name '^etcd$' -q | head -1) etcdctl --endpoints=https://127.0.0.1:2379 "
    "--cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt "
    "--key=/etc/kubernetes/pki/etcd/server.key member list -w json"
)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python tests/replace",
        description="New nodes take over from old ones on a real cluster; tests/replace/README.md says how.",
    )
    add_options(made, "replace")
    return made


def main(argv: list[str] | None = None) -> int:
    """0 when all was as it should be; 1 otherwise, as the output says; 2 for wrong arguments."""
    options = parser().parse_args(argv)
    figures = Figures()
    return ended("replace", lambda: replace(options, figures), figures.lines)


def replace(options: argparse.Namespace, figures: Figures) -> int:
    build(options, VERSION, HOPS[1:])
    lab_cluster.build([TARGET], [(TARGET, method(options))])  # the hosts that are added
    deadline = time.monotonic() + options.limit
    folder = Path(tempfile.mkdtemp(prefix="uplift-replace-"))
    say(f"replace: the logs of the runs are in {folder}")
    with world(options, VERSION, HOPS[1:]) as made:
        site = Site(made, folder, deadline)
        scenario(site, figures)
        shape = f"{len(made.control_planes)} + {len(made.workers)} nodes, {made.install}"
    planes = ", and a new control plane for the first" if site.planes else ""
    title = f"replace: {shape}, {VERSION}; two new workers at {TARGET} for both old ones{planes}"
    return figures.told(title, options.json, folder)


def scenario(site: Site, figures: Figures) -> None:
    kube = site.made.kube(30)
    work = Workload(kube)
    work.start()
    wait("the workload", work.ready, SETTLE)
    with figures.step("hosts added, not joined"):
        site.add_hosts()
    too_new(site, figures, kube)
    with figures.step(f"control planes upgraded to {TARGET}, workers left"):
        site.upgrade()
    planned(site, figures, kube)
    with Network(site):
        take_over(site, figures, kube, work)
        back_and_again(site, figures, kube)
        remove(site, figures, kube)


def too_new(site: Site, figures: Figures, kube: Kube) -> None:
    """Hosts of 1.26 do not join a cluster of 1.25."""
    before = names(kube)
    with figures.step("refused: the new hosts are newer than the control plane"):
        text = site.replace(expected=False)
    figures.check("replace-skew:" in text, "it names the skew")
    figures.check(names(kube) == before and not cordoned(kube), "nothing was touched")


def planned(site: Site, figures: Figures, kube: Kube) -> None:
    before = names(kube)
    planes = "/api/v1/namespaces/kube-system/pods?labelSelector=tier%3Dcontrol-plane"
    # Of a program that was just started its pod tells only after some looks that it is Ready.
    wait("the static pods", lambda: all(is_ready(pod) for pod in kube.patient("GET", planes)["items"]), SETTLE)
    with figures.step("check mode"):
        text = site.replace("--check")
    figures.check("All before the first drain" in text, "the plan is printed")
    figures.check(names(kube) == before and not cordoned(kube), "check mode touched nothing")


def take_over(site: Site, figures: Figures, kube: Kube, work: Workload) -> None:
    old = {site.name(host) for host in site.old}
    new = {node.name for node in site.added}
    with work.watched(), figures.step("joined, cordoned, drained in waves"):
        text = site.replace()
    figures.check("Kept, cordoned and empty" in text, "it says what it kept, and how to go back")
    at = {
        node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes(kube) if is_ready(node)
    }
    figures.check(
        {at.get(name) for name in new} == {f"v{TARGET}"}, f"{len(new)} new nodes are Ready with kubelet {TARGET}"
    )
    figures.check(cordoned(kube) == old, f"the old nodes are cordoned, and no other: {', '.join(sorted(old))}")
    left = [pod["metadata"]["name"] for pod in pods(kube) if pod["spec"].get("nodeName") in old and not stays(pod)]
    figures.check(not left, f"nothing but DaemonSets and static pods is on them {' '.join(left)}".rstrip())
    soon(figures, work.ready, f"the workload runs with its {REPLICAS} pods")
    figures.check(len(work.seen) == 2 * REPLICAS, f"{len(work.seen)} pods were seen, old and new")
    figures.check(
        work.moves(new) == 0, f"no pod moved twice ({work.moves(new)} ran on an old node after the first ones)"
    )
    figures.check(
        work.least >= BUDGET, f"at least {work.least} of {REPLICAS} pods were Ready, and the budget wants {BUDGET}"
    )
    no_tokens(figures, kube)
    if site.planes:
        members = etcd_members(site)
        figures.check(
            len(members) == 4 and all(members.values()), f"etcd has 4 members, all started: {', '.join(members)}"
        )
    with figures.step("the same once more"):
        text = site.replace()
    figures.check(changed_nothing(text), "which changed nothing")


def back_and_again(site: Site, figures: Figures, kube: Kube) -> None:
    with figures.step("back"):
        site.replace(replace_nodes_state="back")
    figures.check(not cordoned(kube), "no node is cordoned")
    with figures.step("and taken over again"):
        site.replace()
    figures.check(cordoned(kube) == {site.name(host) for host in site.old}, "the old nodes are cordoned again")


def remove(site: Site, figures: Figures, kube: Kube) -> None:
    with figures.step("removed, their hosts reset"):
        site.replace(replace_nodes_remove="reset")
    old = {site.name(host) for host in site.old}
    figures.check(not names(kube) & old, "the old nodes are gone")
    ready = {node["metadata"]["name"] for node in nodes(kube) if is_ready(node)}
    figures.check(ready == names(kube), f"{len(ready)} of {len(names(kube))} nodes are Ready")
    files = "cd /etc/kubernetes; ls kubelet.conf manifests/*.yaml 2>/dev/null; pgrep -x kubelet; echo looked"
    left = {host: text for host in site.old if (text := site.on(host, files).split()) != ["looked"]}
    figures.check(not left, f"nothing of a node is left on their hosts {left or ''}".rstrip())
    if site.planes:
        members = etcd_members(site)
        kept = {*(node.name for host, node in site.made.nodes.items() if node.control_plane and host not in site.old)}
        kept |= {node.name for node in site.added if node.control_plane}
        figures.check(
            set(members) == kept and all(members.values()), f"etcd's members are {', '.join(sorted(members))}"
        )
        for host in [*site.made.control_planes[1:], *(node.host for node in site.added if node.control_plane)]:
            # Its own, by the name of its host in its certificate: admin.conf names the load balancer.
            ask = "kubectl --kubeconfig=/etc/kubernetes/admin.conf --server=https://$(hostname):6443 get --raw /readyz"
            healthy = site.on(host, ask)
            figures.check(healthy.strip() == "ok", f"the API server of {host} is ready")
    no_tokens(figures, kube)
    with figures.step("the same once more, when all is done"):
        again = site.replace(replace_nodes_remove="reset")
    figures.check(changed_nothing(again), "which changed nothing")
    notes = kube.patient("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases")["items"]
    figures.check("uplift-kubeadm" not in {lease["metadata"]["name"] for lease in notes}, "the lock is free")


def changed_nothing(text: str) -> bool:
    """Does the recap of a run have no host on which anything was changed, and does the run say so itself?"""
    return "Nothing to do" in text and "changed=0" in text and re.search(r"changed=[1-9]", text) is None


def no_tokens(figures: Figures, kube: Kube) -> None:
    """Neither ours, nor the certificates; kind's own token has no description of ours."""
    secrets = kube.patient("GET", "/api/v1/namespaces/kube-system/secrets")["items"]
    described = [secret for secret in secrets if "uplift" in decoded(secret, "description")]
    uploaded = [secret for secret in secrets if secret["metadata"]["name"] == "kubeadm-certs"]
    figures.check(not described and not uploaded, "no bootstrap token of the run is left, and no uploaded certificates")


def decoded(secret: Object, key: str) -> str:
    return base64.b64decode((secret.get("data") or {}).get(key) or "").decode(errors="replace")


def etcd_members(site: Site) -> dict[str, bool]:
    """{name: whether it has started and votes}, asked of a control plane that stays."""
    text = site.on(site.asked, ETCDCTL)
    try:
        members = json.loads(text)["members"]
    except (ValueError, KeyError):
        raise ScenarioError(f"etcdctl member list on {site.asked} says {text[:300]!r}.") from None
    return {member.get("name", ""): bool(member.get("name")) and not member.get("isLearner") for member in members}


def nodes(kube: Kube) -> list[Object]:
    found: list[Object] = kube.patient("GET", "/api/v1/nodes")["items"]
    return found


def names(kube: Kube) -> set[str]:
    return {node["metadata"]["name"] for node in nodes(kube)}


def cordoned(kube: Kube) -> set[str]:
    return {node["metadata"]["name"] for node in nodes(kube) if node["spec"].get("unschedulable")}


def pods(kube: Kube) -> list[Object]:
    found: list[Object] = kube.patient("GET", "/api/v1/pods")["items"]
    return found


def stays(pod: Object) -> bool:
    """Is it a DaemonSet's, or a static pod?"""
    return any(owner["kind"] in ("DaemonSet", "Node") for owner in pod["metadata"].get("ownerReferences") or [])


def soon(figures: Figures, condition: Callable[[], bool], what: str) -> None:
    try:
        wait(what, condition, SETTLE)
        figures.check(True, what)
    except ScenarioError:
        figures.check(False, what)
