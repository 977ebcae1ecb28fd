# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that take and list backups on a node (BACKUP_ARGS in module_utils/_backup_folder.py)."""

    DOCUMENTATION = r"""
options:
  id:
    description: Name of the backup, and of its folder, such as V(20261121T180000Z-v1.24.17).
    type: str
  directory:
    description: Folder of all backups.
    type: path
    default: /var/lib/uplift-kubeadm/backup
  about:
    description: What else the manifest is to say, such as the versions of the cluster's nodes.
    type: dict
    default: {}
"""
