#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_release
short_description: List, fetch, install and prune kubeadm, kubelet and kubectl on a node
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Says which versions the node's package source offers, brings the verified files of a version to the node without
    changing anything else there, and installs them from those files, without a network.
  - Packages come by apt or dnf, whichever owns kubelet, from the node's own Kubernetes repository with the minor in its
    URL replaced. The repository is looked at through a private view; the system's own lists and cache are not touched.
  - Binaries come from dl.k8s.io or a mirror of it, verified by their C(.sha256) files.
  - Files lie in C(/var/lib/uplift-kubeadm/release/VERSION), a runnable C(kubeadm) among them whatever the method.
    Programs that were replaced are kept in C(/var/lib/uplift-kubeadm/kept/VERSION) until O(state=pruned).
  - A program is the one in its package; of binaries, the one beside the kubelet that C(kubelet.service) starts. Others
    of the same name on the C(PATH) are left alone.
  - Must run as root on the node.
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: full
options:
  state:
    description:
      - V(listed) says what the source offers for O(minors). Nothing is changed.
      - V(fetched) brings O(version) to the node.
      - V(installed) installs O(components) of O(version) from what was fetched.
      - V(pruned) removes fetched and kept files of all versions but O(keep). What was kept is left there while
        kubelet does not run, healthy, as it is installed.
    type: str
    choices: [listed, fetched, installed, pruned]
    required: true
  method:
    description: How the programs are installed. V(auto) takes packages when a package owns kubelet, else binaries.
    type: str
    choices: [auto, package, binary]
    default: auto
  minors:
    description: Minors to list, such as V(1.25).
    type: list
    elements: str
    default: []
  versions:
    description:
      - With O(state=listed), versions to look for where the source has no list of its own (binaries).
      - With O(state=fetched), more versions to fetch.
    type: list
    elements: str
    default: []
  version:
    description: The version to fetch or install, such as V(v1.25.4).
    type: str
  components:
    description: What to install.
    type: list
    elements: str
    choices: [kubeadm, kubelet, kubectl]
    default: [kubeadm, kubelet, kubectl]
  keep:
    description: Versions that O(state=pruned) keeps.
    type: list
    elements: str
    default: []
  restart_kubelet:
    description:
      - Restart kubelet after O(state=installed) when it was replaced, or when the kubelet that runs was started from a
        file that has been replaced since; then wait until it is active and says it is healthy.
    type: bool
    default: false
  timeout:
    description: How long kubelet may take to be healthy after its restart, in seconds.
    type: float
    default: 120
  repository:
    description:
      - Package repository to use instead of the node's own source. V({minor}) in it stands for the minor, as in
        V(https://pkgs.example.com/core:/stable:/v{minor}/deb/). For apt also a whole C(deb) line.
    type: str
  repository_key:
    description: Path on the node of the key of O(repository).
    type: path
  hold:
    description:
      - Hold the packages after they were installed (apt). Packages that were held before are always held afterwards.
      - A C(exclude) in a repository of dnf is left as it is, and passed by for our own installs.
    type: bool
    default: true
  switch_repository:
    description: Once kubelet is installed, put the new minor into the URL of the node's own source.
    type: bool
    default: true
  url:
    description: Where binaries are, as a folder that holds C(v1.25.4/bin/linux/amd64/kubeadm) and C(stable-1.25.txt).
    type: str
    default: https://dl.k8s.io/release
  ca_path:
    description: Path on the node of a private CA for O(url) or the repository.
    type: path
  url_username:
    description: User name for O(url).
    type: str
  url_password:
    description: Password for O(url).
    type: str
  headers:
    description: HTTP headers for O(url).
    type: dict
    default: {}
  environment:
    description:
      - Environment variables, such as C(https_proxy), for downloads and for every program that is run. They never
        appear on a command line, as the variables of a task's C(environment) do.
    type: dict
    default: {}
  step_back:
    description:
      - Let O(state=installed) replace a program by an older one. For a cluster that is restored from a backup alone;
        Kubernetes knows no other way back.
    type: bool
    default: false
requirements:
  - root on the node
"""

EXAMPLES = r"""
- name: What can be had
  uplift.kubeadm.kubernetes_release:
    state: listed
    minors: ["1.25", "1.26"]

- name: Bring the next version to the node
  uplift.kubeadm.kubernetes_release:
    state: fetched
    version: v1.25.4
    environment:
      https_proxy: http://proxy.example.com:3128

- name: Install kubelet and restart it
  uplift.kubeadm.kubernetes_release:
    state: installed
    version: v1.25.4
    components: [kubelet, kubectl]
    restart_kubelet: true

- name: Remove what is no longer needed
  uplift.kubeadm.kubernetes_release:
    state: pruned
    keep: [v1.25.4]
"""

RETURN = r"""
method:
  description: V(package) or V(binary).
  type: str
  returned: always
available:
  description: Versions that the source offers for each minor, newest first.
  type: dict
  returned: state=listed
  sample: {"1.25": [v1.25.4, v1.25.3]}
errors:
  description: Why a minor has no versions.
  type: dict
  returned: state=listed
fetched:
  description: Versions that were brought.
  type: list
  elements: str
  returned: state=fetched
kubeadm:
  description: Path of the fetched kubeadm.
  type: str
  returned: state=fetched
replaced:
  description: Components that were replaced.
  type: list
  elements: str
  returned: state=installed
kept:
  description: Folder of the programs that were replaced.
  type: str
  returned: state=installed
settled:
  description: What was done about holds and the node's own repository.
  type: list
  elements: str
  returned: state=installed
restarted:
  description: Whether kubelet was restarted.
  type: bool
  returned: state=installed
started_again:
  description:
    - Whether it was then started a second time, as a kubelet of another minor held back static pods, which is told by
      programs of the control plane that do not come back. In check mode this cannot be known, and is V(false).
  type: bool
  returned: state=installed
touched:
  description:
    - Whether a program, package, hold or repository of the node was changed; also where kubelet is among the components
      and was of the version already, as an earlier call may have ended before it came up. Of a failed call too, such as
      false when the version did not lie ready.
  type: bool
  returned: state=installed, and failure
removed:
  description: Folders that were removed.
  type: list
  elements: str
  returned: state=pruned
left:
  description: Folders of replaced programs that were left there.
  type: list
  elements: str
  returned: state=pruned
left_why:
  description: Why they were left; empty when none was.
  type: str
  returned: state=pruned
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner, apply_environment
from ansible_collections.uplift.kubeadm.plugins.module_utils._environment import hide_only_secrets
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._files import STATE
from ansible_collections.uplift.kubeadm.plugins.module_utils._node import BINARIES, Node
from ansible_collections.uplift.kubeadm.plugins.module_utils._release import Release, Source
from ansible_collections.uplift.kubeadm.plugins.module_utils._release_apt import Apt
from ansible_collections.uplift.kubeadm.plugins.module_utils._release_binary import DEFAULT_URL, Binary, Web
from ansible_collections.uplift.kubeadm.plugins.module_utils._release_dnf import Dnf

ROOT = Path("/")


def source_for(wants: t.Mapping[str, t.Any], node: Node, runner: Runner) -> Source:
    """The source that the arguments and the node call for."""
    manager = node.package_manager()
    if wants["method"] == "package" and manager is None:
        manager = "apt" if runner.which("apt-get") else "dnf" if runner.which("dnf") else None
        if manager is None:
            raise UpliftError("method is package, but this node has neither apt nor dnf.")
    if wants["method"] == "binary" or manager is None:
        web = Web(
            ca_path=wants["ca_path"],
            username=wants["url_username"],
            password=wants["url_password"],
            headers=wants["headers"],
        )
        return Binary(wants["url"], web, node, runner)
    packages = Dnf if manager == "dnf" else Apt
    return packages(
        runner,
        node,
        repository=wants["repository"],
        key=wants["repository_key"],
        ca_path=wants["ca_path"],
        hold=wants["hold"],
        switch_repository=wants["switch_repository"],
        step_back=wants["step_back"],
    )


def listed(release: Release, wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """state=listed: what the source offers."""
    available, errors = release.offered(wants["minors"], wants["versions"])
    return {"changed": False, "available": available, "errors": errors}


def fetched(release: Release, wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """state=fetched: bring versions."""
    versions = list(dict.fromkeys([*([wants["version"]] if wants["version"] else []), *wants["versions"]]))
    if not versions:
        raise UpliftError("state=fetched needs version or versions.")
    missing = [version for version in versions if not release.is_fetched(version)]
    if not check:
        for version in missing:
            release.fetch(version)
    return {
        "changed": bool(missing),
        "fetched": missing,
        "kubeadm": str(release.folder(versions[0]) / "kubeadm"),
        "diff": {"before": "", "after": "".join(f"{release.folder(version)}\n" for version in missing)},
    }


def installed(release: Release, wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """state=installed: install what was fetched."""
    version, components = wants["version"], wants["components"]
    if check:
        present = release.present(components)
        replaced = {name: present[name] for name in release.pending(version, present)}
        kept, restarted, started_again = None, wants["restart_kubelet"] and "kubelet" in replaced, False
        settled = release.source.settle(version, components, check=True)
    else:
        done = release.install(version, components, restart_kubelet=wants["restart_kubelet"], timeout=wants["timeout"])
        replaced, kept, settled, restarted, started_again = done
    return {
        "changed": bool(replaced or settled or restarted),
        "replaced": list(replaced),
        "kept": kept,
        "settled": settled,
        "restarted": restarted,
        "started_again": started_again,
        "touched": release.touched,
        "diff": {
            "before": "".join(f"{name} {old}\n" for name, old in replaced.items()),
            "after": "".join(f"{name} {version}\n" for name in replaced) + "".join(f"{line}\n" for line in settled),
        },
    }


def pruned(release: Release, wants: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """state=pruned: remove what is no longer needed."""
    done = release.prune(wants["keep"], check)
    return {
        "changed": bool(done.removed),
        **done._asdict(),
        "diff": {"before": "".join(f"{path}\n" for path in done.removed), "after": ""},
    }


STATES = {"listed": listed, "fetched": fetched, "installed": installed, "pruned": pruned}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": list(STATES), "required": True},
            "method": {"type": "str", "choices": ["auto", "package", "binary"], "default": "auto"},
            "minors": {"type": "list", "elements": "str", "default": []},
            "versions": {"type": "list", "elements": "str", "default": []},
            "version": {"type": "str"},
            "components": {"type": "list", "elements": "str", "choices": list(BINARIES), "default": list(BINARIES)},
            "keep": {"type": "list", "elements": "str", "default": []},
            "restart_kubelet": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 120},
            "repository": {"type": "str"},
            "repository_key": {"type": "path", "no_log": False},
            "hold": {"type": "bool", "default": True},
            "switch_repository": {"type": "bool", "default": True},
            "url": {"type": "str", "default": DEFAULT_URL},
            "ca_path": {"type": "path"},
            "url_username": {"type": "str"},
            "url_password": {"type": "str", "no_log": True},
            "headers": {"type": "dict", "default": {}},
            "environment": {"type": "dict", "default": {}, "no_log": True},
            "step_back": {"type": "bool", "default": False},
        },
        required_if=[("state", "listed", ["minors"]), ("state", "installed", ["version"])],
        supports_check_mode=True,
    )
    hide_only_secrets(module, module.params["environment"])
    apply_environment(module.params["environment"])
    runner = Runner()
    node = Node(ROOT, runner)
    release = None
    try:
        source = source_for(module.params, node, runner)
        release = Release(STATE, node, source, runner, module.params["step_back"])
        result = STATES[module.params["state"]](release, module.params, module.check_mode)
    except UpliftError as exc:
        module.fail_json(msg=str(exc), touched=release is not None and release.touched)
    module.exit_json(method=source.method, **result)


if __name__ == "__main__":
    main()
