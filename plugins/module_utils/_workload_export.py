# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what one cluster runs (_workload_match): nine paged lists, of Secrets their metadata alone."""

from __future__ import annotations

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, ApiError
from ansible_collections.uplift.kubeadm.plugins.module_utils._workload_match import Running, of_object

# Kind -> collections; the first that there is counts. CronJobs are in batch/v1 from 1.21 on, Ingresses moved in 1.19.
COLLECTIONS = {
    "Deployment": ("/apis/apps/v1/deployments",),
    "StatefulSet": ("/apis/apps/v1/statefulsets",),
    "DaemonSet": ("/apis/apps/v1/daemonsets",),
    "Service": ("/api/v1/services",),
    "Ingress": ("/apis/networking.k8s.io/v1/ingresses", "/apis/networking.k8s.io/v1beta1/ingresses"),
    "ConfigMap": ("/api/v1/configmaps",),
    "Secret": ("/api/v1/secrets",),
    "CronJob": ("/apis/batch/v1/cronjobs", "/apis/batch/v1beta1/cronjobs"),
    "Job": ("/apis/batch/v1/jobs",),
}


def read(api: Api) -> Running:
    found: Running = {}
    for kind, paths in COLLECTIONS.items():
        found.update(_kind(api, kind, paths))
    return found


def _kind(api: Api, kind: str, paths: tuple[str, ...]) -> Running:
    for path in paths:
        try:
            rows = api.list(path, keep=lambda obj: of_object(kind, obj), metadata_only=kind == "Secret")
            return dict(row for row in rows if row)
        except ApiError as error:
            if error.status != 404 or path == paths[-1]:
                raise
    return {}
