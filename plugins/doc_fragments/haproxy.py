# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that ask an HAProxy (SOCKET_ARGS in module_utils/_haproxy_switch.py)."""

    DOCUMENTATION = r"""
options:
  socket:
    description:
      - HAProxy's admin socket, the path of a Unix socket, or V(host:port).
      - Packages of Debian and Ubuntu open the default, those of Red Hat C(/var/lib/haproxy/stats).
    type: str
    default: /run/haproxy/admin.sock
  socket_timeout:
    description:
      - Seconds that one answer of the socket may take.
    type: float
    default: 10
  backends:
    description:
      - Names of the backends (C(backend) or C(listen)) that have servers of both clusters.
    type: list
    elements: str
    required: true
  blue:
    description:
      - Names of blue's servers in these backends; C(*), C(?) and C([…]) as in a shell.
    type: list
    elements: str
    default: ["blue*"]
  green:
    description:
      - Names of green's servers in these backends.
    type: list
    elements: str
    default: ["green*"]
"""
