# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local connection, which is lost where stub_action.py made the host go down: there is a file of its name.

stubbed.py puts it among the connection plugins of a copy of the collection. It is its own plugin, as a template that
chooses between two others would be evaluated anew for each task, at more than the task itself costs.
"""

from __future__ import annotations

import os

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as LocalConnection

DOCUMENTATION = """
name: stubbed
short_description: local, and can be lost
author: the tests
description: As ansible.builtin.local.
options:
  become_success_timeout:
    description: As ansible.builtin.local has it.
    type: int
    default: 10
  become_strip_preamble:
    description: As ansible.builtin.local has it.
    type: bool
    default: true
extends_documentation_fragment: connection_pipelining
"""


class Connection(LocalConnection):  # type: ignore[misc]
    """`ansible_host` has the host's name in the inventory, also where a task is delegated to it."""

    def _connect(self) -> LocalConnection:
        folder = os.path.join(os.environ["UPLIFT_STUB"], os.environ.get("FLEET_CLUSTER", ""))
        if os.path.exists(os.path.join(folder, f"down-{self._play_context.remote_addr}")):
            raise AnsibleConnectionFailure("made to be lost by the test")
        return super()._connect()
