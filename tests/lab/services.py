# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all lab clusters share: a network, a registry, a mirror of static files, and the load balancer's image."""

from __future__ import annotations

import tempfile
import time
import urllib.error
import urllib.request
from http.client import HTTPResponse
from pathlib import Path

from . import debian, docker, images
from .cache import lock
from .errors import LabError
from .paths import LABEL, MIRROR, NETWORK, REGISTRY, mirror_dir, state_dir
from .progress import step
from .shell import out, run

# What nodes and people in the lab's network use.
REGISTRY_URL = f"http://{REGISTRY}:5000"
MIRROR_URL = f"http://{MIRROR}"
_RECIPE = f"{LABEL}.recipe"
# The name that kind 0.29 asks for (pkg/cluster/internal/loadbalancer/const.go).
_LOAD_BALANCER = "docker.io/kindest/haproxy:v20230606-42a2262b"

_DOCKERFILE = """FROM @BASE@
@APT@
RUN apt-get install -y apache2-utils docker-registry haproxy nginx-light procps tinyproxy \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /etc/nginx/sites-enabled/* \\
 && mkdir -p /usr/local/etc/haproxy /srv/mirror
COPY registry.yml /etc/docker/registry/lab.yml
COPY nginx.conf /etc/nginx/conf.d/lab.conf
COPY haproxy.cfg /usr/local/etc/haproxy/haproxy.cfg
# kind's configuration asks for more connections than a limit of 20,000 file descriptors allows: -n overrides it.
ENTRYPOINT ["haproxy", "-n", "4000", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
"""
_FILES = {
    "registry.yml": """version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000"}
""",
    "nginx.conf": """server {
  listen 80;
  root /srv/mirror;
  autoindex on;
}
""",
    # Until kind writes the real one; it must be valid for haproxy to start.
    "haproxy.cfg": """defaults
  mode tcp
  timeout connect 5s
  timeout client 50s
  timeout server 50s
frontend control-plane
  bind *:6443
""",
}


def ensure() -> None:
    """Start the network, the registry and the mirror, where they do not run."""
    name_of_image = image()
    with lock(state_dir() / "services.lock"):
        if NETWORK not in out("docker", "network", "ls", "--format", "{{.Name}}").splitlines():
            run("docker", "network", "create", f"--label={LABEL}=service", NETWORK)
        mirror_dir().mkdir(parents=True, exist_ok=True)
        _start(
            REGISTRY,
            name_of_image,
            ["docker-registry", "serve", "/etc/docker/registry/lab.yml"],
            ["-v", f"{REGISTRY}:/var/lib/registry", "-p", "127.0.0.1::5000"],
        )
        mirror = ["-v", f"{mirror_dir()}:/srv/mirror:ro", "-p", "127.0.0.1::80"]
        _start(MIRROR, name_of_image, ["nginx", "-g", "daemon off;"], mirror)


def ensure_load_balancer() -> None:
    """Have the image that kind puts in front of several control planes, under the name that kind asks for."""
    if not docker.image_exists(_LOAD_BALANCER):
        run("docker", "tag", image(), _LOAD_BALANCER)


def remove() -> None:
    """Take down what `ensure` made. The files of the mirror stay in the cache."""
    with lock(state_dir() / "services.lock"):
        for name in docker.labelled("container", "service"):
            run("docker", "rm", "-f", "-v", name)
        for name in docker.labelled("volume", "service"):
            run("docker", "volume", "rm", name)
        for name in docker.labelled("network", "service"):
            run("docker", "network", "rm", name)


def host_url(name: str, port: int) -> str:
    """URL of a service from this machine, outside the lab's network."""
    address = out("docker", "port", name, str(port)).splitlines()[0]
    return f"http://{address}"


def push(layout: Path) -> None:
    """Put the images of a layout into the registry, those that it does not have yet."""
    registry = host_url(REGISTRY, 5000)
    _wait_for(f"{registry}/v2/")
    missing = {
        reference: digest
        for reference, digest in images.references(layout).items()
        if _digest(f"{registry}/v2/{images.split(reference)[1]}/manifests/{images.split(reference)[2]}") != digest
    }
    if not missing:
        return
    with step(f"pushing {len(missing)} images of {layout.name} to the registry"):
        for reference, digest in missing.items():
            _push(registry, layout, reference, digest)


def _push(registry: str, layout: Path, reference: str, digest: str) -> None:
    """The push of https://github.com/opencontainers/distribution-spec/blob/main/spec.md, one request a blob."""
    _unused, repository, tag = images.split(reference)
    base = f"{registry}/v2/{repository}"
    manifest = images.manifest(layout, digest)
    for descriptor in [manifest["config"], *manifest["layers"]]:
        if _digest(f"{base}/blobs/{descriptor['digest']}"):
            continue
        with _request("POST", f"{base}/blobs/uploads/") as response:
            location = response.headers["Location"]
        joint = "&" if "?" in location else "?"
        content = images.blob(layout, descriptor["digest"]).read_bytes()
        _request("PUT", f"{location}{joint}digest={descriptor['digest']}", content, "application/octet-stream").close()
    _request("PUT", f"{base}/manifests/{tag}", images.blob(layout, digest).read_bytes(), images.MANIFEST).close()


def _request(method: str, url: str, data: bytes | None = None, media_type: str = "") -> HTTPResponse:
    headers = {"Content-Type": media_type} if media_type else {}
    headers["Accept"] = images.MANIFEST
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    # No proxy: the registry is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    response: HTTPResponse = opener.open(request, timeout=60)
    return response


def _digest(url: str) -> str | None:
    """Digest of a blob or a tag's manifest in the registry; None when it is not there."""
    try:
        with _request("HEAD", url) as response:
            return response.headers["Docker-Content-Digest"]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            _request("GET", url).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise LabError(f"The lab's registry does not answer at {url}: {error}") from None
            time.sleep(0.2)


def _start(name: str, image: str, command: list[str], options: list[str]) -> None:
    # Another cache directory is another mirror; a newer image alone is no reason to restart what nodes use.
    recipe = docker.recipe(*options, *command)
    found = docker.inspect(name)
    if found is not None and found["State"]["Running"] and found["Config"]["Labels"].get(_RECIPE) == recipe:
        return
    if found is not None:
        run("docker", "rm", "-f", name)
    if f"{name}:" in " ".join(options):
        run("docker", "volume", "create", f"--label={LABEL}=service", name)
    fixed = ["--network", NETWORK, f"--label={LABEL}=service", f"--label={_RECIPE}={recipe}"]
    fixed += ["--restart=unless-stopped", "--entrypoint", command[0]]
    run("docker", "run", "-d", "--name", name, *fixed, *options, image, *command[1:])


def image() -> str:
    """Name of the image of all services, built when it is not there."""
    with tempfile.TemporaryDirectory(prefix="uplift-lab-") as scratch:
        for name, text in _FILES.items():
            (Path(scratch) / name).write_text(text)
        return debian.build("services", _DOCKERFILE, Path(scratch))
