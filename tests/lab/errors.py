# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception class of the lab."""

from __future__ import annotations


class LabError(Exception):
    """Something a person has to act on. The message says what was seen and what to do next."""
