#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: manifest_scan
short_description: Search manifests and Helm charts for APIs that Kubernetes removes
version_added: 0.1.0
description:
  - Searches files that somebody will apply, such as a GitOps repository, for objects of APIs that minors to come no
    longer serve. Changes nothing, and asks no cluster.
  - Reads files named C(*.yaml), C(*.yml) and C(*.json), several documents and lists included, and templates of Helm
    charts (also C(*.tpl)). YAML that is no Kubernetes object is passed over and counted.
  - Templates are no YAML. They are read line by line for C(apiVersion) and C(kind), which is a guess and said so
    (C(guess)); what is written with template expressions, and which branch is taken, is not known. For certainty,
    render the chart (C(helm template)) and search the result.
  - Run it where the files are, as a rule with C(delegate_to=localhost).
requirements:
  - PyYAML, which is there wherever Ansible is installed
options:
  paths:
    description: Files, and directories that are searched with all below them. A path that does not exist is refused.
    type: list
    elements: path
    required: true
  after:
    description: Leave out what this minor, or one before it, has removed already; for example the cluster's own.
    type: str
  up_to:
    description: Leave out what minors after this one remove; for example the target.
    type: str
attributes:
  check_mode:
    support: full
    description: Can run in check_mode and return changed status prediction without modifying target.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
seealso:
  - module: uplift.kubeadm.upgrade_checks
"""

EXAMPLES = r"""
- name: What of our repository will 1.25 and 1.26 not take?
  uplift.kubeadm.manifest_scan:
    paths:
      - clusters/production
      - charts
    after: "1.24"
    up_to: "1.26"
  register: manifests
  delegate_to: localhost

- name: Show it
  ansible.builtin.debug:
    msg: "{{ item.file }}:{{ item.line }}: {{ item.apiVersion }} {{ item.kind }} {{ item.name }}"
  loop: "{{ manifests.objects }}"
"""

RETURN = r"""
objects:
  description:
    - Objects of removed APIs, each C(file), C(line), C(apiVersion), C(kind), C(name), C(namespace) where there is one,
      and C(guess) where it was read from a template.
  type: list
  elements: dict
  returned: success
  sample:
    - file: deploy/nightly.yaml
      line: 1
      apiVersion: batch/v1beta1
      kind: CronJob
      name: nightly
unread:
  description: Files that could not be read, each C(file) and C(why).
  type: list
  elements: dict
  returned: success
  sample:
    - file: deploy/broken.yaml
      why: "it is not YAML: mapping values are not allowed here"
files:
  description: How many files were read.
  type: int
  returned: success
others:
  description: How many YAML documents are no Kubernetes objects.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _manifests
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "paths": {"type": "list", "elements": "path", "required": True},
            "after": {"type": "str"},
            "up_to": {"type": "str"},
        },
        supports_check_mode=True,
    )
    limits = {name: module.params[name] for name in ("after", "up_to") if module.params[name]}
    try:
        module.exit_json(changed=False, **_manifests.scan(module.params["paths"], **limits))
    except UpliftError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
