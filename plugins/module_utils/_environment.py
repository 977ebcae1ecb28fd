# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Environment variables that a user sets for programs of a node: some are secrets, most are not."""

from __future__ import annotations

import re
import typing as t

from ansible.module_utils.basic import AnsibleModule

SHORTEST_SECRET = 8
TELLING = re.compile(r"token|pass|secret|key|cred|auth", re.IGNORECASE)  # names of variables whose values may be short


def hide_only_secrets(module: AnsibleModule, variables: t.Mapping[str, t.Any]) -> None:
    """Let Ansible show again, in this module's result, what of a no_log option cannot be a secret.

    Ansible blots out each value of such an option wherever it occurs, in the middle of words too: a node named in
    no_proxy is no longer known by its name, and of "v1.25.4" a variable of value "1" leaves "v********.25.4".
    """
    for name, value in variables.items():
        harmless = len(str(value)) < SHORTEST_SECRET and not TELLING.search(name)
        if harmless or name.lower() == "no_proxy":
            module.no_log_values.discard(str(value))
