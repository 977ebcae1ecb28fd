# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of a drain, of one node or of several (DRAIN_ARGS in module_utils/_drain_args.py)."""

    DOCUMENTATION = r"""
options:
  timeout:
    description:
      - Seconds for the whole drain, all its slices and waits together.
    type: int
    default: 900
  delete_emptydir_data:
    description:
      - Evict pods that have emptyDir volumes; what is in these is lost.
    type: bool
    default: false
  force_unmanaged:
    description:
      - Evict pods that no controller would start again elsewhere; they are lost.
    type: bool
    default: false
  grace_period:
    description:
      - Seconds that a pod is given to end. If not set, each pod's own C(terminationGracePeriodSeconds).
    type: int
  skip_wait_for_delete_timeout:
    description:
      - Do not wait for pods that were to be gone this many seconds ago, as on a node that is dead. V(0) waits for all.
    type: int
    default: 0
  evictions_in_parallel:
    description:
      - Evictions that are asked for at once.
    type: int
    default: 10
  order:
    description:
      - In which order pods go, by groups. The next group's turn comes when all pods of the one before are gone.
      - A pod belongs to the first entry that selects it. DaemonSet pods and static pods are left in any case.
      - An entry with neither O(order[].selector) nor O(order[].namespace) is for all pods that no other entry selects.
        Without one these are drained last.
    type: list
    elements: dict
    default: []
    suboptions:
      selector:
        description:
          - Labels of the pods, as C(kubectl get --selector) takes them (V(app=web,tier!=db)), or a LabelSelector with
            C(matchLabels) and C(matchExpressions).
        type: raw
      namespace:
        description:
          - Namespace of the pods.
        type: str
      action:
        description:
          - V(drain) evicts them.
          - V(wait) leaves them to complete, as pods of Jobs do, and leaves on the node what has completed.
          - V(skip) leaves them on the node.
        type: str
        choices: [drain, wait, skip]
        default: drain
      timeout:
        description:
          - Seconds that V(wait) waits, from when the group's turn comes, before it evicts what has not completed. If
            not set, it waits until O(timeout) ends the drain. All these times together must be less than O(timeout).
        type: int
  wait_for_volumes:
    description:
      - Wait until the volumes of the pods that left are detached from the node, by their VolumeAttachments. Volumes
        that DaemonSet pods or other pods use that stay on the node are not waited for.
    type: bool
    default: true
  force_past_budgets_after:
    description:
      - Seconds of the drain after which pods that a PodDisruptionBudget holds are deleted in spite of it. This breaks
        what the budget promises. Each of these pods is returned as RV(forced), with a warning.
      - V(0) never does that. It must be less than O(timeout).
    type: int
    default: 0
  leader_timeout:
    description:
      - How long, in seconds, to wait before the node is cordoned until the controller manager and the scheduler have a
        leader, by their Leases in C(kube-system). For 15 seconds after a control plane node was restarted there may be
        none, and pods that are evicted then are started nowhere. The drain fails when there is none by then.
      - V(0) does not look. Programs without such a Lease are not waited for.
    type: int
    default: 60
  proxy_timeout:
    description:
      - How long, in seconds, to wait before the node is cordoned until the DaemonSet C(kube-proxy) is rolled out, which
        C(kubeadm upgrade apply) changes. A node whose kube-proxy is just being replaced goes on sending requests to
        pods that a drain ended. After that time the drain goes on, with a warning.
      - V(0) does not look. A cluster without that DaemonSet is not waited for.
    type: int
    default: 120
  slice:
    description:
      - Seconds after which the module returns although the drain is not over, with RV(drained=false) and RV(progress).
        Called again with the same options, as with C(until), it goes on.
      - V(0) does the whole drain in one call.
    type: int
    default: 0
  lock:
    description:
      - The C(id) of the RV(uplift.kubeadm.upgrade_lock#module:holder) of the cluster's lock. It is renewed while the
        module works. When another run takes it, the drain ends, and the node is left as it is.
    type: str
  state_directory:
    description:
      - Folder on the host that the module runs on. There it keeps, readable by its user alone, what a drain has done
        so far, for the next slice and for the run after one that was killed. It is removed when the drain is over.
      - Where it cannot be written, a drain in one call goes on without, and one in slices fails.
    type: path
    default: /var/lib/uplift-kubeadm
"""
