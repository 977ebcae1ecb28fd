# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets `python3 tests/lab` and `python3 -m tests.lab` run the command line."""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a directory: there is no package yet
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from lab.cli import main
else:
    from .cli import main

if __name__ == "__main__":
    sys.exit(main())
