# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""etcd's own rules for upgrades: what every member must be before it may go to a later minor of etcd.

kubeadm follows none of them by itself: it ships what its constants say (see `components` of the minors).

members_at_least: what etcd's guide asks for. breaks_below: below it the step is known to break clusters; from it on,
not to follow the guide is a risk.
"""

from __future__ import annotations

import typing as t

ENTRY: tuple[dict[str, t.Any], ...] = (
    {
        "id": "to-3.6",
        "to": "3.6",
        "members_at_least": "3.5.32",
        "breaks_below": "3.5.26",  # removed members come back, promoted learners stay learners (blog 2025-12-21)
        "why": (
            "Members of an earlier 3.5 patch can leave removed members or learners behind that break the cluster "
            "under 3.6. kubeadm 1.33.13 ships 3.5.24, so that the usual way from 1.33 to 1.34 does not meet this."
        ),
        "fix": (
            "Have the upgrade do it: kubeadm_upgrade_etcd_bridge: [3.5.32-0] takes the members there before 1.34 "
            "(docs/etcd.md). By hand: in the kubeadm-config ConfigMap, set etcd.local.imageTag to 3.5.32-0 or newer, "
            "upgrade all control planes within the present minor, then remove imageTag, and go on to 1.34; an imageTag "
            "that is left keeps etcd at 3.5 for good. Before, etcdutl check v2store must find nothing, and no member "
            "may be a learner."
        ),
        "source": (
            "etcd.io docs v3.6 upgrades/upgrade_3_6 (2026-08); etcd blog 2025-12-21; kubernetes/kubeadm#3247; "
            "k3s-io/k3s#13493"
        ),
    },
    {
        "id": "to-3.7",
        "to": "3.7",
        "members_at_least": "3.6.11",
        "breaks_below": "3.6.11",
        "why": (
            "etcd asks for members of 3.6.11 or newer before 3.7. kubeadm 1.36.4 ships 3.6.8; a later patch of 1.36 "
            "may ship a newer one. --experimental- flags of etcd in extraArgs stop a 3.7 from starting."
        ),
        "fix": (
            "Have the upgrade do it: kubeadm_upgrade_etcd_bridge: [3.6.11-0] takes the members there before 1.37 "
            "(docs/etcd.md). By hand: in the kubeadm-config ConfigMap, set etcd.local.imageTag to 3.6.11-0 or newer, "
            "upgrade all control planes within the present minor, then remove imageTag, and go on to 1.37. Rename "
            "--experimental- flags before."
        ),
        "source": "etcd.io docs upgrades/upgrade_3_7; kubernetes/kubernetes#138746, #140333; kubeadm 1.37.0 constants",
    },
)

# From this minor on, the probes of kubeadm's etcd manifest ask for /livez and /readyz.
PROBES = {
    "minor": "1.31",
    "at_least": "3.5.11",
    "source": "CHANGELOG-1.31 (kubernetes/kubernetes#124465)",
}

# kubeadm leaves a running etcd that is newer than what it ships alone: 1.29.15 ships 3.5.16, 1.30.14 ships 3.5.15.
NO_DOWNGRADE_SOURCE = "kubernetes/kubernetes cmd/kubeadm/app/phases/upgrade/staticpods.go"

# etcd itself can go back from 3.6 to 3.5 (etcdctl downgrade enable); kubeadm does not drive it.
DOWNGRADE_SOURCE = "etcd.io docs v3.6 downgrades/downgrade_3_6"

# etcd 3.5.0 to 3.5.2 can corrupt data under load.
CORRUPTION = {"from": "3.5.0", "fixed": "3.5.3", "source": "etcd's production recommendation of 2022-03-31"}

END_OF_LIFE: dict[str, str | None] = {"3.4": "2026-06-01", "3.5": "2027-07-08", "3.6": None, "3.7": None}
END_OF_LIFE_SOURCE = "endoflife.date products/etcd.md@a70eca3 (2026-08-22)"


def entry_rule(series: str) -> dict[str, t.Any] | None:
    """The rule that members must meet before they go to this series of etcd ("3.6"), or None."""
    return next((rule for rule in ENTRY if rule["to"] == series), None)
