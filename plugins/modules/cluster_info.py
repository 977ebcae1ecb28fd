#!/usr/bin/python
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: Read the facts of a kubeadm cluster
version_added: 0.1.0
author:
  - The uplift.kubeadm authors (@uplift-kubeadm)
description:
  - Reads what an upgrade has to know of a cluster from its API, in a few paged requests, and keeps it in a file on
    the host that the module runs on (the API host). A digest and a summary are returned; modules that need the facts
    read the file there.
  - The number of requests grows with pages of 500 objects, not with nodes. Each collection is read as it is at one
    moment, straight from etcd, since what an API server has in its cache may be older, and comes in one piece.
  - Nodes, version and kubeadm's configuration are needed. Anything else that is forbidden, not served, or fails while
    it is read, is listed in C(unread), and the module succeeds.
  - Nothing in the cluster changes. The file is written in check mode too, since a plan is made from it.
extends_documentation_fragment:
  - uplift.kubeadm.api
attributes:
  check_mode:
    description: Can run in check_mode.
    support: full
  diff_mode:
    description: Will return details on what has changed.
    support: none
options:
  scope:
    description:
      - V(all) reads everything, and writes it to a file.
      - V(nodes) reads nodes, control planes and add-ons alone, and returns RV(summary) without a file. It takes the
        same few requests however many pods there are.
    type: str
    choices: [all, nodes]
    default: all
  path:
    description:
      - File to write the facts to, with mode 0600. It appears whole or not at all.
      - One of O(path) and O(directory) is needed with O(scope=all).
    type: path
  directory:
    description:
      - Folder for the file C(cluster-facts.json). Made with mode 0700 if it is not there.
    type: path
notes:
  - The facts hold no secrets; they are kept private because they say much about a cluster.
  - Of Secrets only Helm's releases are read, by their type. Of what is in them only the API version, kind, namespace
    and name of each object, and the chart's name and version are kept.
"""

EXAMPLES = r"""
- name: Read the cluster
  uplift.kubeadm.cluster_info:
    directory: /var/lib/uplift
  register: cluster

- name: Look once more at nodes and control planes
  uplift.kubeadm.cluster_info:
    scope: nodes
  register: cluster_now

- name: Show what runs
  ansible.builtin.debug:
    var: cluster.summary
"""

RETURN = r"""
path:
  description:
    - Where the facts are, on the host that the module ran on. A JSON object, C(schema) 2.
    - C(version), C(server), C(read_at) (seconds since 1970, by the API server), C(cluster) (of ClusterConfiguration),
      C(ca_fingerprints), C(api_addresses), C(addons), C(config_maps) (texts of kubeadm's own, by name).
    - C(nodes), by name, with versions, C(labels), C(taints), C(allocatable) (cpu in thousandths, else whole units),
      C(conditions), C(static_pods) and C(kube_proxy).
    - C(pods), each with C(ns), C(name), C(uid), C(phase), C(images); and, where there is something to say, C(node),
      C(owner) (its controller), C(labels), C(ready), C(terminating), C(mirror), C(finished), C(priority), C(grace)
      (seconds, when not 30), C(requests) (as the scheduler counts), C(node_selector), C(affinity) (what is required),
      C(tolerations), C(spread), C(empty_dir), C(claims), C(host_paths), C(host_ports), C(no_readiness), C(annotations)
      (for autoscalers).
    - C(workloads) (Deployments, StatefulSets, DaemonSets, ReplicaSets without a controller, active Jobs, CronJobs),
      C(pdbs), C(webhooks), C(api_services) (that a Service answers), C(crds), C(services) (that one of these names),
      C(volumes), C(storage_classes), C(csi_drivers), C(namespaces), C(certificate_requests_pending).
    - C(helm_releases), the deployed revision of each, with the C(objects) that it names.
    - C(old_api_writes), objects written through API versions that a later minor removes; C(authority) says whether
      C(managed_fields) or only the annotation of C(kubectl apply) (C(last_applied)) says so. Events are told by writer.
    - C(unread), as in RV(summary.unread).
  returned: with O(scope=all)
  type: str
  sample: /var/lib/uplift/cluster-facts.json
sha256:
  description: SHA-256 of that file.
  returned: with O(scope=all)
  type: str
configuration:
  description: The cluster's C(ClusterConfiguration), as it is in the ConfigMap C(kubeadm-config).
  returned: with O(scope=all)
  type: str
kubelet_configuration:
  description: The KubeletConfiguration in the ConfigMap C(kubelet-config); empty when it could not be read.
  returned: with O(scope=all)
  type: str
summary:
  description: What a person wants to see of the facts.
  returned: success
  type: dict
  contains:
    cluster_name:
      description: The cluster's name in kubeadm's ClusterConfiguration.
      type: str
      sample: kubernetes
    version:
      description: Version of the API server that answered.
      type: str
      sample: v1.24.17
    kubernetes_version:
      description: Version in kubeadm's ClusterConfiguration.
      type: str
      sample: v1.24.17
    nodes:
      description: Number of nodes.
      type: int
    control_planes:
      description: Names of the control plane nodes.
      type: list
      elements: str
    workers:
      description: Number of workers.
      type: int
    kubelets:
      description: Number of nodes by kubelet version.
      type: dict
      sample: {"v1.24.17": 3}
    api_servers:
      description: Version of the API server by node, from the static pod that runs.
      type: dict
      sample: {"cp1": "v1.24.17"}
    unhealthy:
      description: Static pods that are not Ready, by node; a node without any is left out.
      type: dict
      sample: {"cp2": ["etcd"]}
    kube_proxy:
      description: Version of the add-on kube-proxy; null without it.
      type: str
      sample: v1.24.17
    coredns:
      description: Version of the add-on CoreDNS; null without it.
      type: str
      sample: v1.8.6
    not_ready:
      description: Names of nodes that are not Ready.
      type: list
      elements: str
    unschedulable:
      description: Names of nodes that are cordoned.
      type: list
      elements: str
    pods:
      description: Number of pods; 0 with O(scope=nodes), which does not read them.
      type: int
    unread:
      description:
        - What could not be read. C(what) is the key of the facts that is empty, or not whole, for it; C(why) says what
          was in the way, C(matters) what is not known without it.
      type: list
      elements: dict
      sample:
        - what: pdbs
          why: The API server forbids it …
          matters: What blocks a drain, or has to wait for its volume after one, is not known.
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.uplift.kubeadm.plugins.module_utils import _cluster, _cluster_facts
from ansible_collections.uplift.kubeadm.plugins.module_utils._api import API_ARGS, Api, connect
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "scope": {"type": "str", "choices": ["all", "nodes"], "default": "all"},
            "path": {"type": "path"},
            "directory": {"type": "path"},
            **API_ARGS,
        },
        required_if=[("scope", "all", ("path", "directory"), True)],
        mutually_exclusive=[("path", "directory")],
        supports_check_mode=True,
    )
    try:
        if module.params["scope"] == "nodes":
            result = {"summary": _cluster.summary(_cluster_facts.read_nodes(connect(module.params)))}
        else:
            path = module.params["path"] or os.path.join(module.params["directory"], "cluster-facts.json")
            result = whole(connect(module.params), path)
    except UpliftError as e:
        module.fail_json(msg=str(e))
    module.exit_json(changed=False, **result)


def whole(api: Api, path: str) -> dict[str, t.Any]:
    """Read everything, and write it to path."""
    facts = _cluster_facts.read(api)
    return {
        "path": path,
        "sha256": _cluster.write(facts, path),
        "summary": _cluster.summary(facts),
        "configuration": facts["cluster"]["configuration"],
        "kubelet_configuration": facts["config_maps"].get("kubelet-config", ""),
    }


if __name__ == "__main__":
    main()
