# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of `uplift.kubeadm.plan` on a real cluster: clean when healthy, each seeded trouble found, mended as told,
and clean again. The tests build on each other, in their order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

BIN = Path(sys.executable).parent
HERE = Path(__file__).parent
PROJECT = HERE.parents[2]
EXTRA_ARG = "logtostderr"  # klog flags are gone at 1.26 (kubernetes/kubernetes#112120)


class Cluster:
    def __init__(self, inventory: str, folder: Path) -> None:
        self.inventory, self.folder = inventory, folder
        groups = yaml.safe_load(Path(inventory).read_text())["all"]["children"]
        self.control_plane = next(iter(groups["kube_control_plane"]["hosts"]))

    def on_control_plane(self, *command: str) -> str:
        done = subprocess.run(
            [str(BIN / "ansible"), self.control_plane, "-i", self.inventory, "-b", "-m", "ansible.builtin.command",
             "-a", json.dumps({"argv": command})],
            text=True, capture_output=True, check=False, timeout=120, env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kubectl(self, *words: str) -> str:
        return self.on_control_plane("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", *words)

    def wait_until_ready(self, component: str) -> None:
        """Until a static pod that was to restart has done so, and is Ready."""
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            try:
                pod = self.kubectl(
                    "-n", "kube-system", "get", "pod", "--selector", f"component={component}", "-o", "json"
                )
                status = json.loads(pod[pod.index("{") :])["items"][0]["status"]["containerStatuses"][0]
                if status["ready"] and age(status["state"]["running"]["startedAt"]) < 180:
                    return
            except (AssertionError, KeyError, IndexError, ValueError):
                pass  # the API server is away, or the pod is
            time.sleep(1)
        raise AssertionError(f"{component} did not come back")

    def copy(self, source: Path, target: str) -> None:
        subprocess.run(
            [str(BIN / "ansible"), self.control_plane, "-i", self.inventory, "-b", "-m", "ansible.builtin.copy",
             "-a", f"src={source} dest={target} mode=0600"],
            check=True, timeout=120, capture_output=True,
        )  # fmt: skip

    def plan(self, **variables: Any) -> dict[str, Any]:
        """The report of `uplift.kubeadm.plan`, which must end well whatever it finds."""
        extra = {"target": "1.26", "kubeadm_upgrade_report": str(self.folder), **variables}
        done = subprocess.run(
            [str(BIN / "ansible-playbook"), "uplift.kubeadm.plan", "-i", self.inventory, "-e", json.dumps(extra)],
            text=True, capture_output=True, check=False, timeout=600, env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "changed=0" in done.stdout, done.stdout
        return dict(json.loads((self.folder / "report.json").read_text()))


def age(moment: str) -> float:
    return (datetime.now(timezone.utc) - datetime.fromisoformat(moment.replace("Z", "+00:00"))).total_seconds()


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return Cluster(request.config.getoption("--inventory"), tmp_path_factory.mktemp("report"))


def ids(report: dict[str, Any], *severities: str) -> list[str]:
    return [finding["id"] for finding in report["findings"] if finding["severity"] in severities]


def seen(report: dict[str, Any], identity: str) -> str:
    (finding,) = [finding for finding in report["findings"] if finding["id"] == identity]
    return "\n".join(finding["seen"])


def test_a_healthy_cluster_gives_no_blocker_and_no_warning(cluster: Cluster) -> None:
    report = cluster.plan()
    assert ids(report, "blocker", "warning") == []


def test_a_kubeconfig_with_the_documented_rights_is_enough(cluster: Cluster, request: pytest.FixtureRequest) -> None:
    """docs/rbac/plan-reader.yml, by a service account's token, from the controller."""
    cluster.copy(PROJECT / "docs/rbac/plan-reader.yml", "/root/plan-reader.yml")
    cluster.kubectl("apply", "-f", "/root/plan-reader.yml")
    cluster.kubectl("-n", "default", "create", "serviceaccount", "planner")
    role = ["--clusterrole=uplift-kubeadm-plan-reader", "--serviceaccount=default:planner"]
    cluster.kubectl("create", "clusterrolebinding", "planner", *role)
    name = request.config.getoption("--cluster")
    found = subprocess.run(
        [sys.executable, "tests/lab", "kubeconfig", "--name", name],
        cwd=PROJECT, check=True, text=True, capture_output=True,
    )  # fmt: skip
    config = yaml.safe_load(Path(found.stdout.strip()).read_text())
    token = cluster.kubectl("-n", "default", "create", "token", "planner").split()[-1]
    config["users"][0]["user"] = {"token": token}
    kubeconfig = cluster.folder / "planner.conf"
    kubeconfig.touch(0o600)
    kubeconfig.write_text(yaml.safe_dump(config))
    report = cluster.plan(kubeadm_upgrade_api_host="localhost", kubeadm_upgrade_kubeconfig=str(kubeconfig))
    assert ids(report, "blocker", "warning") == []
    assert {gap["check"] for gap in report["unchecked"]} <= {"flags", "images"}, "more than a probe is missing"


def test_each_seed_is_found(cluster: Cluster) -> None:
    cluster.copy(HERE / "seeds.yml", "/root/seeds.yml")
    cluster.kubectl("label", "node", "--overwrite", "--selector=!node-role.kubernetes.io/control-plane", "seeded=here")
    cluster.kubectl("apply", "--server-side", "--field-manager=shop-deployer", "-f", "/root/seeds.yml")
    cluster.kubectl("wait", "--for=condition=Ready", "pod/alone", "--timeout=120s")
    cluster.kubectl("rollout", "status", "deployment/stubborn", "--timeout=120s")
    manifests = cluster.folder / "gitops"
    manifests.mkdir(exist_ok=True)
    (manifests / "hpa.yml").write_text(
        "apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: in-git}\n"
    )
    report = cluster.plan(kubeadm_upgrade_manifests=[str(manifests)])
    blockers, warnings = ids(report, "blocker"), ids(report, "warning")
    assert "removed-api:policy/v1beta1/PodSecurityPolicy" in blockers
    assert "removed-api:batch/v1beta1/CronJob" in blockers
    assert "removed-api:policy/v1beta1/PodDisruptionBudget" in blockers
    assert "removed-api:autoscaling/v2beta2/HorizontalPodAutoscaler" in blockers + warnings
    assert "shop-deployer" in seen(report, "removed-api:batch/v1beta1/CronJob"), "who calls it is not said"
    assert "hpa.yml" in seen(report, "removed-api:autoscaling/v2beta2/HorizontalPodAutoscaler")
    assert "drain-budget:default/stubborn" in blockers
    assert "drain-unmanaged:default/alone" in blockers
    assert [finding for finding in warnings + blockers if finding.startswith("webhook")]
    assert [finding for finding in ids(report, "info", "warning") if finding.startswith("drain-job")]


def test_a_flag_that_a_later_program_does_not_take(cluster: Cluster) -> None:
    """In kubeadm's configuration, where the next upgrade takes it from; the running API server need not have it."""
    config = cluster.kubectl("-n", "kube-system", "get", "configmap", "kubeadm-config", "-o", "json")
    config_map = json.loads(config[config.index("{") :])
    text = yaml.safe_load(config_map["data"]["ClusterConfiguration"])
    text["apiServer"].setdefault("extraArgs", {})[EXTRA_ARG] = "true"
    config_map["data"]["ClusterConfiguration"] = yaml.safe_dump(text)
    changed = cluster.folder / "kubeadm-config.json"
    changed.write_text(json.dumps(config_map))
    cluster.copy(changed, "/root/kubeadm-config.json")
    cluster.kubectl("replace", "-f", "/root/kubeadm-config.json")
    report = cluster.plan(kubeadm_upgrade_probe="always")
    flagged = [finding for finding in report["findings"] if finding["id"].startswith("flag:")]
    assert [(finding["severity"], finding["minor"]) for finding in flagged] == [("blocker", "1.26")]
    assert f"--{EXTRA_ARG}" in "\n".join(flagged[0]["seen"])


def test_an_edit_by_hand_that_kubeadm_will_overwrite(cluster: Cluster) -> None:
    manifest = "/etc/kubernetes/manifests/kube-scheduler.yaml"
    cluster.on_control_plane("sed", "-i", "s/    - --leader-elect=true/&\\n    - --v=3/", manifest)
    report = cluster.plan()
    (drift,) = [finding for finding in report["findings"] if re.search("drift:.*kube-scheduler", finding["id"])]
    assert drift["severity"] == "warning"
    assert "--v=3" in "\n".join(drift["seen"])


def test_the_upgrade_refuses_before_anything_is_touched(cluster: Cluster) -> None:
    extra = {"target": "1.26", "kubeadm_upgrade_report": str(cluster.folder)}
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "uplift.kubeadm.upgrade", "-i", cluster.inventory, "-e", json.dumps(extra)],
        text=True, capture_output=True, check=False, timeout=600, env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
    )  # fmt: skip
    assert done.returncode != 0
    said = done.stdout + done.stderr  # where errors go depends on the release of ansible-core
    assert "drain-budget:default/stubborn" in said
    assert "kubeadm_upgrade_accept" in said, "the way out is not said"
    assert "PLAY [Hop 1 of" not in done.stdout


def test_mended_as_told_the_plan_is_clean(cluster: Cluster) -> None:
    cluster.kubectl("delete", "-f", "/root/seeds.yml", "--wait=true")
    cluster.on_control_plane("sed", "-i", "/    - --v=3/d", "/etc/kubernetes/manifests/kube-scheduler.yaml")
    config_map = json.loads((cluster.folder / "kubeadm-config.json").read_text())
    text = yaml.safe_load(config_map["data"]["ClusterConfiguration"])
    del text["apiServer"]["extraArgs"][EXTRA_ARG]
    config_map["data"]["ClusterConfiguration"] = yaml.safe_dump(text)
    config_map["metadata"].pop("resourceVersion", None)
    (cluster.folder / "kubeadm-config.json").write_text(json.dumps(config_map))
    cluster.copy(cluster.folder / "kubeadm-config.json", "/root/kubeadm-config.json")
    cluster.kubectl("replace", "-f", "/root/kubeadm-config.json")
    # An API server counts what was asked of it since it started, and the finding says to start it anew when its clients
    # are mended.
    cluster.on_control_plane("sh", "-c", "crictl stop $(crictl ps --quiet --name kube-apiserver)")
    for component in ("kube-apiserver", "kube-scheduler"):
        cluster.wait_until_ready(component)
    report = cluster.plan(kubeadm_upgrade_probe="always")
    assert ids(report, "blocker", "warning") == []
