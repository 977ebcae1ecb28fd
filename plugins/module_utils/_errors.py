# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one exception of the collection."""

from __future__ import annotations


class UpliftError(Exception):
    """Something that the person who runs the upgrade has to know and act upon.

    The message is whole sentences: what was seen, where, why it matters, what to do next.
    Modules show it unchanged with C(fail_json(msg=str(error))).
    """
