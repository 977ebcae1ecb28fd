# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times as the Kubernetes API writes them."""

from __future__ import annotations

import calendar
import time


def epoch(timestamp: str) -> float:
    """Seconds since 1970 of "2026-01-31T09:00:00Z", with or without a fraction. Raises ValueError."""
    return calendar.timegm(time.strptime(timestamp[:19], "%Y-%m-%dT%H:%M:%S"))
