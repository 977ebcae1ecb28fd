# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: skew_violations
short_description: What Kubernetes' version skew policy forbids in a set of versions
version_added: 0.1.0
description:
  - Says, a sentence each, which versions may not run side by side, by
    U(https://kubernetes.io/releases/version-skew-policy/). The list is empty when all is allowed.
  - The policy counts minors; patches never matter to it.
positional: kubeadm_exception
options:
  _input:
    description:
      - Versions by component, C(apiserver), C(controller_manager), C(scheduler), C(kubelet), C(kube_proxy), C(kubectl).
        Each is a version, a list, or a mapping of node to version. All may be left out.
      - Controller managers and schedulers given by node are held against the API server of their own node, which is
        the one that they talk to in kubeadm clusters; given as a list, against all.
      - kube-proxy is held against the kubelet beside it where both are given by node.
    type: dict
    required: true
  kubeadm_exception:
    description:
      - Excuse a state that kubeadm itself makes. Up to 1.27, with several control planes, kube-proxy is as new as the
        newest API server while another API server is still one minor older.
    type: bool
    default: false
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
"""

EXAMPLES = r"""
- name: A kubelet that is too old
  ansible.builtin.debug:
    msg: "{{ versions | uplift.kubeadm.skew_violations }}"
  vars:
    versions:
      apiserver: [v1.27.3, v1.26.9]
      kubelet: {cp1: v1.26.9, w1: v1.24.17}
"""

RETURN = r"""
_value:
  description: A sentence for each breach of the policy.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._skew import skew_violations as _skew_violations


def skew_violations(versions: Any, kubeadm_exception: bool = False) -> list[str]:
    if not isinstance(versions, Mapping):
        raise AnsibleFilterError("skew_violations: expected a mapping of component to versions.")
    try:
        return _skew_violations(versions, kubeadm_exception)
    except UpliftError as error:
        raise AnsibleFilterError(f"skew_violations: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"skew_violations": skew_violations}
