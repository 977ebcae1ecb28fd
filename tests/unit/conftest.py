# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every unit test.

Property tests try the same cases in each run: a check of a change is to say what the change broke. UPLIFT_EXPLORE=20 in
the environment tries others, and some tests 20 times as many.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No test fails because the machine is slow.
settings.register_profile(
    "uplift",
    deadline=None,
    database=None,
    derandomize=not int(os.environ.get("UPLIFT_EXPLORE", "0")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("uplift")
