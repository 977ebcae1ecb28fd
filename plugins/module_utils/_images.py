# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Container images that a version needs, brought to a node before the node needs them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import re
import tarfile
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils._command import Runner
from ansible_collections.uplift.kubeadm.plugins.module_utils._crictl import ANSWER_SECONDS, crictl
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._running import repository

AT_ONCE = 3
PULL_SECONDS = 1800
# What any node may run: kube-proxy, the sandbox of each pod, and CoreDNS, whose pods move as nodes are drained. On
# a node whose kubelet cannot pull (no network, a registry that wants a password) they would never start.
NODE_IMAGES = ("kube-proxy", "pause", "coredns")
# Told kubeadm what it would otherwise look for on the host, and may not find (two runtimes, no default route). The
# address is the one that kubeadm itself puts there when it is asked without a configuration.
NODE_OF_NO_MATTER = """---
apiVersion: {api}
kind: InitConfiguration
localAPIEndpoint: {{advertiseAddress: 1.2.3.4}}
nodeRegistration: {{criSocket: "{socket}", name: node}}
"""


def needed(
    runner: Runner, kubeadm: str, version: str, *, image_repository: str | None, config: str | None, components: str
) -> list[str]:
    """The images that a kubeadm names for its version. components: "all", or "node" for what a worker runs.

    config is a kubeadm configuration that says version and repositories itself; kubeadm takes no other option then.
    """
    argv = [kubeadm, "config", "images", "list"]
    if config:
        argv += ["--config", config]
    else:
        argv += ["--kubernetes-version", version]
        if image_repository:
            argv += ["--image-repository", image_repository]
    result = runner.run(argv, timeout=60)
    if result.rc != 0 and config:
        raise UpliftError(
            f"{kubeadm} does not take the cluster's kubeadm configuration: {result.why()}. Nothing was changed. "
            "kubeadm upgrade would refuse it too: put right what it names in ConfigMap kube-system/kubeadm-config "
            "(kubeadm config migrate writes newer forms of it), and run again."
        )
    if result.rc != 0:
        raise UpliftError(f"{kubeadm} does not say which images {version} needs: {result.why()}")
    listed = result.out.split()
    if components == "node":
        return [image for image in listed if repository(image).rsplit("/", 1)[-1] in NODE_IMAGES]
    return listed


@contextlib.contextmanager
def configuration_file(text: str, version: str, socket: str | None) -> t.Iterator[str]:
    """Path of a private file with a cluster's ClusterConfiguration, its version replaced; the file goes afterwards.

    Raises UpliftError when the text is no ClusterConfiguration as kubeadm keeps it.
    """
    api = re.search(r"^apiVersion:\s*[\"']?([^\s\"']+)", text, re.MULTILINE)
    changed, count = re.subn(r"^kubernetesVersion:.*$", f"kubernetesVersion: {version}", text, flags=re.MULTILINE)
    if api is None or count != 1:
        raise UpliftError(
            "cluster_configuration is no ClusterConfiguration with an apiVersion and one kubernetesVersion. Look at it "
            "with: kubectl -n kube-system get configmap kubeadm-config -o yaml."
        )
    node = NODE_OF_NO_MATTER.format(api=api.group(1), socket=socket or "unix:///run/containerd/containerd.sock")
    with tempfile.NamedTemporaryFile("w", prefix="uplift-kubeadm-", suffix=".yaml") as file:  # of mode 0600
        file.write(f"{changed.rstrip()}\n{node}")
        file.flush()
        yield file.name


class Images:
    """The images of this node's container runtime. socket is its CRI endpoint; None leaves it to crictl."""

    def __init__(self, runner: Runner, node: str, socket: str | None, credentials: str | None = None) -> None:
        self.runner = runner
        self.node = node
        self.crictl = crictl(socket)
        # crictl reads them from its environment too, which no list of processes shows.
        self.env = {"CRICTL_CREDS": credentials} if credentials else {}

    def missing(self, images: t.Iterable[str]) -> list[str]:
        """Those of the images that the runtime does not have."""
        result = self.runner.must(
            [*self.crictl, "images", "--output=json"],
            f"Asking the container runtime of {self.node} for its images",
            timeout=2 * ANSWER_SECONDS,  # crictl says better than we what it waited for
        )
        present: set[str] = set()
        for image in json.loads(result.out or "{}").get("images") or []:
            present.update(image.get("repoTags") or [])
            present.update(image.get("repoDigests") or [])
        return [image for image in dict.fromkeys(images) if full_name(image) not in present]

    def pull(self, images: t.Sequence[str]) -> None:
        """Pull images, a few at once. Raises UpliftError that names each that could not be had, and why."""
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            troubles = [trouble for trouble in pool.map(self._pull, images) if trouble]
        if troubles:
            raise UpliftError(
                f"{self.node} could not pull {len(troubles)} of {len(images)} images: {'; '.join(troubles)}. "
                "Is the registry (or its mirror in the runtime's configuration) reachable from the node, and does it "
                "have these images? Else give credentials, another repository, or archives of the images on the node. "
                "Nothing but images was changed."
            )

    def load(self, archive: Path) -> None:
        """Import an archive of images into containerd."""
        if self.runner.which("ctr") is None:
            raise UpliftError(
                f"{self.node} has no ctr, which imports archives into containerd. Other runtimes: load by hand."
            )
        self.runner.must(
            ["ctr", "--namespace=k8s.io", "images", "import", "--digests=false", str(archive)],
            f"Importing {archive} on {self.node}",
            timeout=PULL_SECONDS,
        )

    def _pull(self, image: str) -> str:
        try:
            result = self.runner.run([*self.crictl, "pull", image], env=self.env, timeout=PULL_SECONDS)
        except UpliftError as exc:
            return f"{image}: {exc}"
        return f"{image}: {result.why(1)}" if result.rc else ""


def tags_in(archive: Path) -> list[str]:
    """Names of the images in an archive made by docker save, ctr images export and the like. Raises UpliftError."""
    try:
        with tarfile.open(archive) as tar:
            return sorted(_tags(tar))
    except (OSError, tarfile.TarError, ValueError, KeyError) as exc:
        raise UpliftError(f"{archive} cannot be read as an archive of images: {exc}") from exc


def _tags(tar: tarfile.TarFile) -> set[str]:
    tags: set[str] = set()
    names = tar.getnames()
    if "manifest.json" in names:  # docker's format
        for image in json.load(_member(tar, "manifest.json")):
            tags.update(full_name(tag) for tag in image.get("RepoTags") or [])
    if "index.json" in names:  # OCI's, with containerd's annotation
        for image in json.load(_member(tar, "index.json")).get("manifests") or []:
            name = (image.get("annotations") or {}).get("io.containerd.image.name")
            if name:
                tags.add(full_name(name))
    if not tags:
        raise ValueError("it names no image (neither RepoTags in manifest.json nor io.containerd.image.name)")
    return tags


def _member(tar: tarfile.TarFile, name: str) -> t.IO[bytes]:
    file = tar.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file")
    return file


def full_name(image: str) -> str:
    """An image's name as the runtime has it: with a registry, and a tag unless it has a digest."""
    first, slash, _rest = image.partition("/")
    if not slash:
        image = f"docker.io/library/{image}"
    elif not ("." in first or ":" in first or first == "localhost"):
        image = f"docker.io/{image}"
    if "@" in image or ":" in image.rsplit("/", 1)[-1]:
        return image
    return f"{image}:latest"
