# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package lies in tests/, where no other path of Python's leads; it needs what the lab needs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# It runs on the controller, with Python 3.11 or newer, and PyYAML.
collect_ignore_glob = ["test_*.py"] if sys.version_info < (3, 11) else []
