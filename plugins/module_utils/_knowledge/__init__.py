# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of Kubernetes' minors, as tables: one file a minor, and functions that look things up in them."""

from __future__ import annotations

from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge.lookup import (
    breakers,
    calendar,
    components,
    config_apis,
    deprecated_apis,
    known_minors,
    of,
    removed_apis,
)

__all__ = [
    "breakers",
    "calendar",
    "components",
    "config_apis",
    "deprecated_apis",
    "known_minors",
    "of",
    "removed_apis",
]
