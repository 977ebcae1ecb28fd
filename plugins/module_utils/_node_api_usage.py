# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which deprecated APIs clients have asked this node's API server for since it was started: its own metrics tell.

Each API server counts for itself, and from its start on: an API that is used once a month may well be missing.
"""

from __future__ import annotations

import datetime
import re
import typing as t
from pathlib import Path

from ansible_collections.uplift.kubeadm.plugins.module_utils import _running
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

TIMEOUT = 30.0  # seconds: the metrics of an API server with many resources are tens of megabytes
DEPRECATED = b"apiserver_requested_deprecated_apis{"
STARTED = b"process_start_time_seconds "
# Serving certificates of webhooks and aggregated APIs that a later Go refuses.
CERTIFICATES = re.compile(
    rb"(apiserver_(?:webhooks|kube_aggregator)_x509_(?:missing_san|insecure_sha1)_total)(?:\{[^}]*\})? (\S+)"
)
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def api_usage(root: Path) -> dict[str, t.Any] | None:
    """{"since": RFC 3339, "requests": [...], "san_missing": {metric: count}}; None where there is no API server.

    san_missing has only counts that are not zero. A request has group, version, resource, subresource and
    removed_release.

    :raises UpliftError: the API server does not answer, or refuses.
    """
    if not (root / _running.MANIFESTS / "kube-apiserver.yaml").is_file():
        return None
    with _running.Local(root, TIMEOUT).open("kube-apiserver", "/metrics") as lines:
        return parse_metrics(lines)


def parse_metrics(lines: t.Iterable[bytes]) -> dict[str, t.Any]:
    """Pick what matters out of metrics in Prometheus' text format, line by line.

    :raises UpliftError: these are not the metrics of an API server.
    """
    requests: list[dict[str, str]] = []
    certificates: dict[str, int] = {}
    since = None
    for line in lines:
        if line.startswith(DEPRECATED):
            if float(line.rsplit(b" ", 1)[-1]) > 0:
                requests.append(_request(line.decode(errors="replace")))
        elif line.startswith(STARTED):
            since = float(line.split()[1])
        elif line.startswith(b"apiserver_") and (match := CERTIFICATES.match(line)):
            count = int(float(match.group(2)))
            if count:
                name = match.group(1).decode()
                certificates[name] = certificates.get(name, 0) + count
    if since is None:
        raise UpliftError("The API server's metrics have no process_start_time_seconds, so they cannot be relied on.")
    started = datetime.datetime.fromtimestamp(since, datetime.timezone.utc)
    return {
        "since": f"{started:%Y-%m-%dT%H:%M:%SZ}",
        "requests": sorted(requests, key=lambda r: (r["group"], r["version"], r["resource"], r["subresource"])),
        **({"san_missing": certificates} if certificates else {}),
    }


def _request(line: str) -> dict[str, str]:
    labels = dict(LABEL.findall(line))
    return {key: labels.get(key, "") for key in ("group", "version", "resource", "subresource", "removed_release")}
