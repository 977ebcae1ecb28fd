# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that talk to the Kubernetes API (API_ARGS in module_utils/_api.py)."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of the kubeconfig on the host that the module runs on. Its current context is used.
    type: path
    default: /etc/kubernetes/admin.conf
  transport:
    description:
      - How the API is reached.
      - V(stdlib) needs nothing but Python. It knows client certificates and tokens, as in the C(admin.conf) that
        kubeadm writes.
      - V(kubernetes) uses the Python package C(kubernetes), and with it whatever a kubeconfig may ask for (exec
        plugins, OIDC, proxies). Meant for the controller or an execution environment.
    type: str
    choices: [stdlib, kubernetes]
    default: stdlib
  api_timeout:
    description:
      - Seconds for which an API server that is away (refused or broken connections, answers 5xx, too many requests)
        is waited for.
      - After such a wait an answer 403 is asked again as well, as an API server that has just started does not know yet
        who may do what (U(https://github.com/kubernetes/kubernetes/issues/92506)). At any other time it stands.
      - A single API server is away for seconds while it is upgraded; kubeadm itself allows 5 minutes a component.
    type: int
    default: 300
"""
