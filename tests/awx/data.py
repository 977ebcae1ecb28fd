# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of docs/awx, read as infra.aap_configuration reads it: by Ansible, which knows !unsafe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/awx"
PROJECT = FOLDER / "project"

Template = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML with Ansible's !unsafe: a text that Ansible does not take for a template."""


def _text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_constructor("!unsafe", _text)


def load(name: str) -> dict[str, Any]:
    """One of the files, by its name without the ending."""
    data: dict[str, Any] = yaml.load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"), _Loader)
    return data


def templates() -> dict[str, Template]:
    """Job templates by what they do: "plan", "upgrade", …; those for fleets are "fleet plan" and "fleet upgrade"."""
    found = load("templates")["controller_templates"]
    return {template["name"].replace("Kubernetes fleet:", "fleet").rpartition(": ")[2]: template for template in found}


def workflows() -> dict[str, Template]:
    """Workflows by their names."""
    return {workflow["name"]: workflow for workflow in load("templates")["controller_workflows"]}


def workflow() -> Template:
    """The one for a cluster."""
    return workflows()["Kubernetes upgrade"]


def fleet_inventory() -> Template:
    (found,) = load("access")["controller_inventories"]
    return dict(found)


def credential_type() -> Template:
    (found,) = load("access")["controller_credential_types"]
    return dict(found)
