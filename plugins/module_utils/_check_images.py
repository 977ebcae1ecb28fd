# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of the hops, and of kube-system. Of packages the planner makes sure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.uplift.kubeadm.plugins.module_utils._check_breakers import minor_after
from ansible_collections.uplift.kubeadm.plugins.module_utils._cluster import image_version
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect import image as running
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import Seen, mapping
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Check, Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.plugins.module_utils._seen import seen as cut

# Tags that mean another image tomorrow. A version may have any number of parts after it.
MOVING = re.compile(r"(latest|main|master|stable|edge|nightly|v?\d+(\.\d+)?)$")
FROZEN = r"k8s\.gcr\.io/.*"
# The row of this minor in the tables of knowledge speaks for plans that pass through it, or end before it.
FROZEN_ROW = "1.27"


def images_of_hops(ctx: Context) -> t.Iterator[Unchecked]:
    """Whether the images of every hop can be had: known once a node has pulled them, since only its runtime knows its
    mirrors and credentials. A pull that fails stops the run with its reason."""
    proved = mapping(ctx.options.get("images"))
    unknown = [hop["version"] for hop in ctx.plan.get("hops") or () if not proved.get(hop["version"])]
    if unknown:
        yield Unchecked(
            "images",
            f"Whether nodes can pull the images of {', '.join(unknown)} is not known until one does (mirrors and "
            "credentials are the runtime's own): -e kubeadm_upgrade_probe=always pulls them on one control plane node.",
        )


def moving_tags(ctx: Context) -> t.Iterator[Finding]:
    """Programs of the control plane and kubeadm's add-ons whose tag is no release."""
    rows = [
        (f"{program} on {name}", pod.get("image"))
        for name, node in ctx.facts["nodes"].items()
        for program, pod in mapping(node.get("static_pods")).items()
    ]
    addons = mapping(ctx.facts.get("addons"))
    rows += [(f"the add-on {name}", mapping(addon).get("image")) for name, addon in addons.items()]
    seen = [f"{where}: {image}" for where, image in rows if image and _moves(image)]
    if seen:
        yield Finding(
            id="image-tag-moves",
            severity="warning",
            title="Images of the control plane have tags that are no release",
            seen=cut(seen),
            why="Which program runs depends on when a node pulled it, and cannot be told from the tag. kubeadm reads "
            "versions from tags.",
            fix="Name a release: imageRepository and tags in ConfigMap kube-system/kubeadm-config, or the patch that "
            "sets the image.",
            source="https://kubernetes.io/docs/concepts/containers/images/",
        )


def _moves(image: str) -> bool:
    return "@" not in image and MOVING.match(image_version(image) or "latest") is not None


def frozen_registry(ctx: Context) -> t.Iterator[Finding]:
    """Images from k8s.gcr.io other than kubeadm's own, which it takes from elsewhere at the next hop."""
    if FROZEN_ROW in (*ctx.minors, minor_after(ctx)):
        return
    seen = [hit.line for hit in running(FROZEN, ctx, ctx.current) if isinstance(hit, Seen)]
    if seen:
        yield Finding(
            id="registry-frozen",
            severity="warning",
            title="Images come from k8s.gcr.io, which is frozen",
            seen=cut(seen),
            why="Drained pods are pulled anew on other nodes. The registry is no longer kept up, and may go any day.",
            fix="Name registry.k8s.io in place of k8s.gcr.io.",
            source="https://kubernetes.io/blog/2023/02/06/k8s-gcr-io-freeze-announcement/",
        )


CHECKS: tuple[Check, ...] = (images_of_hops, moving_tags, frozen_registry)
