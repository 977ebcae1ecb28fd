# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter worker_waves, through its own entry."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.uplift.kubeadm.plugins.filter import worker_waves as plugin


def test_the_filters_example_says_what_it_does() -> None:
    task = yaml.safe_load(plugin.EXAMPLES)[0]
    (worker_waves,) = plugin.FilterModule().filters().values()
    found = worker_waves(task["vars"]["facts"], canaries=1, groups=task["vars"]["groups"])
    assert [wave["nodes"] for wave in found["waves"]] == [["w1"], ["w2"], ["g1"]]
    assert found["least"] == 2
    assert all(found["why"])
    with pytest.raises(AnsibleFilterError, match="no facts of a cluster"):
        worker_waves([])
    with pytest.raises(AnsibleFilterError, match="have no node w9"):
        worker_waves(task["vars"]["facts"], ["w9"])
    unread = [{"what": "pods", "why": "pods is forbidden"}, {"what": "webhooks", "why": "…"}]
    with pytest.raises(AnsibleFilterError, match=r"could not be read: pods: pods is forbidden$"):
        worker_waves({**task["vars"]["facts"], "unread": unread})
    with pytest.raises(AnsibleFilterError, match="max_nodes is 0"):
        worker_waves(task["vars"]["facts"], max_nodes=0)
