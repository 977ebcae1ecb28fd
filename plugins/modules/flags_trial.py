#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flags_trial
short_description: Ask the programs of Kubernetes versions whether they take the flags that are in use
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Runs kubelet, kube-apiserver, kube-controller-manager and kube-scheduler of each version with the flags and feature
    gates that a cluster uses, and C(--version). They read their flags, print their version and end, so nothing is
    started. What they object to would keep them from starting after an upgrade.
  - kubelet is taken from what M(uplift.kubeadm.kubernetes_release) fetched, the others from their images, which must be
    on the node (M(uplift.kubeadm.node_images)). An image is mounted for the moment; no container is started.
  - What cannot be tried is returned with the reason. Must run as root on the node.
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details: Reads only.
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: none
options:
  versions:
    description: Versions to try, such as V(v1.25.4).
    type: list
    elements: str
    required: true
  flags:
    description: Flags in use, a list for each program, each as C(--name=value).
    type: dict
    required: true
  images:
    description: Images of each version, as RV(uplift.kubeadm.node_images#module:images) names them.
    type: dict
    default: {}
requirements:
  - root on the node; ctr (containerd) or podman (CRI-O) to look into images
"""

EXAMPLES = r"""
- name: Bring the images of the next version
  uplift.kubeadm.node_images:
    version: v1.25.4
  register: brought

- name: Will its API server start with our flags?
  uplift.kubeadm.flags_trial:
    versions: [v1.25.4]
    flags:
      kube-apiserver: [--audit-log-maxage=30, --feature-gates=EphemeralContainers=true]
    images:
      v1.25.4: "{{ brought.images }}"
  register: trial
"""

RETURN = r"""
tried:
  description: The minors that each program was tried at.
  type: dict
  returned: success
  sample: {"kubelet": ["1.25", "1.26"]}
said:
  description: What the programs had to say about flags. What is not in this list they take.
  type: list
  elements: dict
  returned: success
  contains:
    minor:
      description: The minor of the program.
      type: str
      sample: "1.25"
    component:
      description: The program whose flag it is.
      type: str
      sample: kubelet
    flag:
      description: The flag.
      type: str
      sample: --logtostderr=true
    accepted:
      description: Whether it is taken all the same (a deprecated flag).
      type: bool
    says:
      description: What the program says.
      type: str
      sample: unknown flag
untried:
  description: Programs that could not be asked, and why.
  type: list
  elements: dict
  returned: success
  contains:
    minor:
      description: The minor.
      type: str
    component:
      description: The program.
      type: str
    why:
      description: What was in the way.
      type: str
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import STATE
from ansible_collections.uplift.kubeadm.plugins.module_utils._flags_trial import (
    CONTROL_PLANE,
    image_of,
    program_in_image,
    split_gates,
    try_flags,
    try_gates,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._versions import minor_name, parse_version

RELEASE = STATE / "release"


class Trial:
    """The programs of some versions, tried one after the other, and what they said."""

    def __init__(self, runner: Runner, release: Path = RELEASE) -> None:
        self.runner = runner
        self.release = release
        self.tried: dict[str, list[str]] = {}
        self.said: list[dict[str, t.Any]] = []
        self.untried: list[dict[str, str]] = []

    def version(self, version: str, flags: t.Mapping[str, t.Sequence[str]], images: t.Sequence[str]) -> None:
        """Try all programs of one version."""
        minor = minor_name(parse_version(version).minor)
        kubelet_flags, kubelet_gates = split_gates(flags.get("kubelet", ()))
        kubelet = self.release / version / "kubelet"
        self._ask(minor, "kubelet", lambda: try_flags(self.runner, kubelet, kubelet_flags))
        for component in CONTROL_PLANE:
            try:
                image = image_of(images, component)
                if image is None:
                    raise UpliftError(f"No image of {component} {version} was named.")
                with program_in_image(self.runner, image, component) as program:
                    self._component(minor, component, program, flags.get(component, ()))
                    if component == "kube-apiserver":
                        self._gates_of(minor, "kubelet", program, kubelet_gates)
            except UpliftError as exc:
                self.untried.append({"minor": minor, "component": component, "why": str(exc)})

    def _component(self, minor: str, component: str, program: Path, flags: t.Sequence[str]) -> None:
        others, gates = split_gates(flags)
        self._ask(minor, component, lambda: try_flags(self.runner, program, others))
        self._gates_of(minor, component, program, gates)

    def _gates_of(self, minor: str, component: str, program: Path, gates: t.Sequence[str]) -> None:
        self._ask(minor, component, lambda: try_gates(self.runner, program, gates))

    def _ask(self, minor: str, component: str, work: t.Callable[[], list[dict[str, t.Any]]]) -> None:
        try:
            said = work()
        except UpliftError as exc:
            self.untried.append({"minor": minor, "component": component, "why": str(exc)})
            return
        self.said += [{"minor": minor, "component": component, **entry} for entry in said]
        if minor not in self.tried.setdefault(component, []):
            self.tried[component].append(minor)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "versions": {"type": "list", "elements": "str", "required": True},
            "flags": {"type": "dict", "required": True},
            "images": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    trial = Trial(Runner())
    try:
        for version in module.params["versions"]:
            trial.version(version, module.params["flags"], module.params["images"].get(version) or ())
    except UpliftError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(changed=False, tried=trial.tried, said=trial.said, untried=trial.untried)


if __name__ == "__main__":
    main()
