# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kube_minor
short_description: The minor of a Kubernetes version
version_added: 0.1.0
description: Takes C(v1.26.9), C(1.26.9), C(v1.26) or C(1.26), and gives C(1.26).
options:
  _input:
    description: The version.
    type: str
    required: true
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
"""

EXAMPLES = r"""
- name: A minor
  ansible.builtin.debug:
    msg: "{{ 'v1.26.9' | uplift.kubeadm.kube_minor }}"  # 1.26
"""

RETURN = r"""
_value:
  description: The minor.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_minor


def kube_minor(version: Any) -> str:
    try:
        return minor_name(parse_minor(version))
    except UpliftError as error:
        raise AnsibleFilterError(f"kube_minor: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"kube_minor": kube_minor}
