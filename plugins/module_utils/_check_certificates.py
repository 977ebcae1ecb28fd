# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that have ended, or will soon: kubeadm's own, kubelet's client certificate, and the authorities."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import (
    control_planes,
    days_between,
    is_external,
    mapping,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._hops import control_plane_hops
from ansible_collections.uplift.kubeadm.plugins.module_utils._plan_cluster import listing
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen as cut

KUBELET = ("/etc/kubernetes/kubelet.conf", "/var/lib/kubelet/pki/kubelet-client-current.pem")
# Serving certificates of kubelet: one that it asks the cluster for (serverTLSBootstrap), and one that it signs itself.
SERVING, SELF_SIGNED = "/var/lib/kubelet/pki/kubelet-server-current.pem", "/var/lib/kubelet/pki/kubelet.crt"
API_SERVER = "/etc/kubernetes/pki/apiserver.crt"
# Of an external etcd. kubeadm neither makes nor renews it: it is of an authority that kubeadm does not have
# (cmd/kubeadm/app/phases/certs/renewal/manager.go, GetCertsWithoutEtcd).
ETCD_CLIENT = "/etc/kubernetes/pki/apiserver-etcd-client.crt"
AUTHORITY = re.compile(r"(^|-)ca\.crt$")
CERTS = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/"
# kubelet asks for a new certificate when 70 to 90 % of the old one's life are over (client-go, certificate manager):
# with the usual year one that has less than this left was not renewed when its time came.
SOON_DAYS = 30
AUTHORITY_DAYS = 180
HOURS = re.compile(r"(\d+(?:\.\d+)?)h")


class Certificate(t.NamedTuple):
    """One certificate of a node; days until it ends, negative when it has."""

    node: str
    path: str
    ends: str
    days: int

    def line(self) -> str:
        return f"{self.node}: {self.path} {'ended' if self.days < 0 else 'ends'} on {self.ends[:10]}"


def certificates(ctx: Context) -> t.Iterator[Finding]:
    """Each kind apart, since each is mended in a way of its own."""
    found = [
        Certificate(name, path, str(ends), days_between(ctx.today, str(ends)))
        for name, node in ctx.nodes.items()
        for path, ends in mapping(node.get("certificates")).items()
    ]
    yield from _authorities([one for one in found if _is_authority(one)])
    yield from _kubelets([one for one in found if one.path in KUBELET], _soon(ctx))
    yield from _serving([one for one in found if one.path in (SERVING, SELF_SIGNED) and one.days < 0])
    external = [one for one in found if is_external(ctx) and one.path == ETCD_CLIENT]
    yield from _etcd_clients(external)
    others = (*KUBELET, SERVING, SELF_SIGNED, *(one.path for one in external))
    yield from _kubeadms(ctx, [one for one in found if one.path not in others and not _is_authority(one)])


def unknown(ctx: Context) -> t.Iterator[Unchecked]:
    """Nodes whose certificates are not among their facts, where the node itself does not say why."""
    silent = {node: facts for node, facts in ctx.nodes.items() if "certificates" not in mapping(facts.get("unread"))}
    nodes = [node for node, facts in silent.items() if not facts.get("certificates")]
    if nodes:
        yield Unchecked("certificates", f"When certificates end is not known of {listing(nodes)}.")
    planes = [
        node
        for node in control_planes(ctx)
        if node in silent and node not in nodes and API_SERVER not in silent[node]["certificates"]
    ]
    if planes:
        yield Unchecked("certificates", f"When {API_SERVER} ends is not known of {listing(planes)}.")


def _is_authority(one: Certificate) -> bool:
    return bool(AUTHORITY.search(one.path.rpartition("/")[2]))


def _authorities(found: t.Sequence[Certificate]) -> t.Iterator[Finding]:
    ended = [one for one in found if one.days < 0]
    ending = [one for one in found if 0 <= one.days < AUTHORITY_DAYS]
    for some, severity, title in (
        (ended, "blocker", "An authority of the cluster has ended"),
        (ending, "warning", "An authority of the cluster will end soon"),
    ):
        if some:
            yield Finding(
                id="authority-ended" if severity == "blocker" else "authority-ends",
                severity=severity,
                title=title,
                seen=cut(one.line() for one in some),
                why="Nothing that it signed is trusted after that day. kubeadm renews certificates, and never an "
                "authority.",
                fix="Replace it by hand, and in time: kubernetes.io, «Manual Rotation of CA Certificates».",
                source="https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/",
            )


def _kubelets(found: t.Sequence[Certificate], soon: int) -> t.Iterator[Finding]:
    ended = [one for one in found if one.days < 0]
    ending = [one for one in found if 0 <= one.days < soon]
    for some, severity, title in (
        (ended, "blocker", "kubelet's certificate has ended"),
        (ending, "warning", "kubelet does not renew its certificate"),
    ):
        if some:
            yield Finding(
                id="kubelet-certificate-ended" if severity == "blocker" else "kubelet-certificate-ends",
                severity=severity,
                title=title,
                seen=cut(one.line() for one in some),
                why="kubelet renews its client certificate by itself, well before it ends; these were not renewed when "
                "their time came. kubeadm does not renew them. Once it has ended the node is lost to the cluster, and "
                "kubeadm upgrade, which uses kubelet's file, cannot run on it.",
                fix="See why with journalctl -u kubelet on the node (rotateCertificates off? requests not approved: "
                "kubectl get csr?); kubernetes.io, «Kubelet client certificate rotation fails», says how to renew it.",
                source=f"{CERTS}; kubernetes/kubeadm#2185",
            )


def _serving(ended: t.Sequence[Certificate]) -> t.Iterator[Finding]:
    asked = [one for one in ended if one.path == SERVING]
    if asked:
        yield Finding(
            id="kubelet-serving-certificate-ended",
            severity="warning",
            title="kubelet's serving certificate has ended",
            seen=cut(one.line() for one in asked),
            why="kubelet asks for a new one in time, and somebody has to approve it. Who verifies it (an API server "
            "with --kubelet-certificate-authority, metrics) gets no logs, no exec and no metrics from these nodes.",
            fix="kubectl get csr, then kubectl certificate approve NAME for those that are expected.",
            source=CERTS,
        )
    own = [one for one in ended if one.path == SELF_SIGNED]
    if own:
        yield Finding(
            id="kubelet-self-signed-ended",
            severity="info",
            title="kubelet's self-signed serving certificate has ended",
            seen=cut(one.line() for one in own),
            why="Nobody renews it, and by default nobody verifies it: nothing of the upgrade hangs on it.",
            fix="Where it matters: remove kubelet.crt and kubelet.key and restart kubelet, which makes new ones.",
            source=CERTS,
        )


def _etcd_clients(found: t.Sequence[Certificate]) -> t.Iterator[Finding]:
    for some, severity, name, how in (
        ([one for one in found if one.days < 0], "blocker", "ended", "has ended"),
        ([one for one in found if 0 <= one.days < SOON_DAYS], "warning", "ends", "ends soon"),
    ):
        if some:
            yield Finding(
                id=f"etcd-client-certificate-{name}",
                severity=severity,
                title=f"The API server's certificate for the external etcd {how}",
                seen=cut(one.line() for one in some),
                why="kubeadm does not renew it, as it does not have the authority of an external etcd. Once it has "
                "ended, an API server that is restarted, as every hop does, does not come up.",
                fix="Have whoever runs etcd sign a new one, put it on each of these nodes, and restart the API servers "
                "one at a time.",
                source=CERTS,
            )


def _kubeadms(ctx: Context, found: t.Sequence[Certificate]) -> t.Iterator[Finding]:
    ended = [one for one in found if one.days < 0]
    if ended:
        yield Finding(
            id="certificate-ended",
            severity="blocker",
            title="Certificates of the control plane have ended",
            seen=cut(one.line() for one in ended),
            why="kubeadm and the programs of the control plane cannot speak to each other with them.",
            fix="kubeadm certs renew all on each of these nodes, then restart its static pods.",
            source=CERTS,
        )
    renewed = bool(control_plane_hops(ctx.plan)) and ctx.options.get("certificate_renewal", True)
    ending = [one for one in found if 0 <= one.days < SOON_DAYS]
    if ending:
        yield Finding(
            id="certificate-ends",
            severity="info" if renewed else "warning",
            title="Certificates of the control plane end soon" + (", and are renewed by this run" if renewed else ""),
            seen=cut(one.line() for one in ending),
            why="kubeadm renews its certificates whenever it upgrades a control plane."
            if renewed
            else "This run does not renew them: the control plane is not upgraded, or renewal is switched off "
            "(kubeadm_upgrade_certificate_renewal).",
            fix="Nothing has to be done. With authorities that are not on the nodes (external CA), renew them yourself."
            if renewed
            else "kubeadm certs renew all on each of these nodes, then restart its static pods.",
            source=CERTS,
        )


def _soon(ctx: Context) -> int:
    """How many days before its end a kubelet's certificate ought to be renewed: fewer where it lives less long."""
    lives = [
        float(hours[1]) / 24
        for node in control_planes(ctx)
        for hours in [HOURS.match(_signing_duration(ctx.nodes[node]))]
        if hours
    ]
    return min([SOON_DAYS, *(int(days * 0.08) for days in lives)])


def _signing_duration(node: t.Mapping[str, t.Any]) -> str:
    manager = mapping(mapping(node.get("static_pods")).get("kube-controller-manager"))
    return str(mapping(manager.get("flags")).get("cluster-signing-duration") or "")


CHECKS: tuple[Check, ...] = (certificates, unknown)
