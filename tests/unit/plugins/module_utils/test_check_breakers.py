# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each row of knowledge that has a detector is hit by a cluster spoiled as the row says, and by no healthy one."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _knowledge
from ansible_collections.uplift.kubeadm.plugins.module_utils._check_breakers import (
    check_breakers,
    known_risks,
    look,
    not_covered,
)
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect import DETECTORS
from ansible_collections.uplift.kubeadm.plugins.module_utils._detect_facts import Missing
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context, Finding, Unchecked
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import healthy_context

Facts = dict[str, t.Any]
Spoil = t.Callable[[t.Any, Facts, Facts], None]

MINORS = tuple(_knowledge.known_minors())
ROWS = [row for row in _knowledge.breakers("1.0", "1.99") if "detect" in row]
CASES = [(row, name) for row in ROWS for name in row["detect"]]

# A flag that a row's pattern means, where the pattern is more than a name or NAME=VALUE.
FLAGS = {
    "audit-(log|webhook)-version=audit.k8s.io/v1(alpha|beta)1": "audit-webhook-version=audit.k8s.io/v1beta1",
    "(enable|disable)-admission-plugins=(.*,)?PodSecurityPolicy(,.*)?": (
        "enable-admission-plugins=NodeRestriction,PodSecurityPolicy"
    ),
    "runtime-config=(.*,)?(resource\\.k8s\\.io/v1alpha1|api/all|api/alpha)=true(,.*)?": (
        "runtime-config=batch/v1=true,resource.k8s.io/v1alpha1=true"
    ),
    "runtime-config=(.*,)?(admissionregistration\\.k8s\\.io/v1alpha1|api/all|api/alpha)=true(,.*)?": (
        "runtime-config=api/alpha=true"
    ),
    "runtime-config=(.*,)?(resource\\.k8s\\.io/v1alpha[23]|coordination\\.k8s\\.io/v1alpha1|api/all|api/alpha)"
    "=true(,.*)?": "runtime-config=resource.k8s.io/v1alpha3=true",
    "cloud-provider=(?!external$).+": "cloud-provider=vsphere",
    "runonce(=true)?": "runonce=true",
    "storage-driver-(user|password|host|db|table|secure|buffer-duration)": "storage-driver-host=localhost",
    "experimental-.+": "experimental-initial-corrupt-check=true",
}
IMAGES = {
    "k8s\\.gcr\\.io/.*": "k8s.gcr.io/pause:3.2",
    ".*/ingress-nginx/controller(-chroot)?[:@].*|.*/nginx-ingress-controller[:@].*": (
        "registry.k8s.io/ingress-nginx/controller:v1.11.1"
    ),
}
SECTIONS = {
    "kube-apiserver": "apiServer:\n  extraArgs:\n    {}\n",
    "kube-controller-manager": "controllerManager:\n  extraArgs:\n    {}\n",
    "kube-scheduler": "scheduler:\n  extraArgs:\n    {}\n",
    "etcd": "etcd:\n  local:\n    extraArgs:\n      {}\n",
}


def healthy(spoil: t.Callable[[Facts, Facts], None] | None = None, current: str = "1.21") -> Context:
    """A cluster with nothing to be found on any way, but for what spoil does; its plan goes to the newest minor."""

    def change(facts: Facts, nodes: Facts) -> None:
        for node in facts["nodes"].values():
            node["container_runtime"] = "containerd://2.1.4"
        if spoil:
            spoil(facts, nodes)

    return replace(healthy_context(change), current=current, minors=MINORS)


def configure(facts: Facts, text: str) -> None:
    facts["cluster"]["configuration"] = f"apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n{text}"


def set_flag(component: str, flag: str, facts: Facts, nodes: Facts) -> None:
    name, _equals, value = flag.partition("=")
    if component == "kubelet":
        nodes["w1"]["kubelet_extra_args"] = f"--{flag}"
        nodes["w1"]["kubelet_arguments"][name] = value
    else:
        configure(facts, SECTIONS[component].format(f'{name}: "{value}"'))


def spoil_flags(wanted: t.Any, facts: Facts, nodes: Facts) -> None:
    component, patterns = next(iter(wanted.items()))
    set_flag(component, FLAGS.get(patterns[0], patterns[0]), facts, nodes)


def spoil_feature_gates(names: t.Any, facts: Facts, nodes: Facts) -> None:
    set_flag("kube-apiserver", f"feature-gates={names[0]}=true,Other=false", facts, nodes)


def spoil_config_api(apis: t.Any, facts: Facts, nodes: Facts) -> None:
    if apis[0].startswith("kubeadm."):
        facts["cluster"]["config_api"] = apis[0]
    else:
        nodes["cp1"]["files"] = {"/etc/kubernetes/x.yaml": {"apiVersion": apis[0], "kind": "Policy"}}


def spoil_kubelet_config(fields: t.Any, facts: Facts, nodes: Facts) -> None:
    for field, value in fields.items():
        if value is None:
            nodes["w1"]["kubelet_configuration"].pop(field)
        else:
            nodes["w1"]["kubelet_configuration"][field] = value


def spoil_etcd_between(bounds: t.Any, facts: Facts, nodes: Facts) -> None:
    nodes["cp1"]["running"]["etcd"] = bounds[0]


def spoil_etcd_pinned(lowest: t.Any, facts: Facts, nodes: Facts) -> None:
    facts["cluster"]["etcd"]["image_tag"] = "3.5.1-0"


def spoil_runtime(lowest: t.Any, facts: Facts, nodes: Facts) -> None:
    facts["nodes"]["w2"]["container_runtime"] = "containerd://1.5.13~ds1"


def spoil_dockershim(_yes: t.Any, facts: Facts, nodes: Facts) -> None:
    facts["nodes"]["w1"].update(container_runtime="docker://20.10.24", kubelet="v1.23.17")
    nodes["w1"]["kubelet_flags"] = {"network-plugin": "cni"}
    nodes["w1"]["kubelet_arguments"].pop("container-runtime")


def spoil_volume_source(drivers: t.Any, facts: Facts, nodes: Facts) -> None:
    facts["volumes"] = [{"name": "pv1", "source": next(iter(drivers)), "claim": "shop/data", "phase": "Bound"}]


def spoil_pods(facts: Facts, **pod: t.Any) -> None:
    owner = {"kind": "DaemonSet", "name": "agent"}
    facts["pods"].append({"ns": "ops", "name": "agent-1", "uid": "1", "phase": "Running", "owner": owner, **pod})


def spoil_missing_san(_yes: t.Any, facts: Facts, nodes: Facts) -> None:
    nodes["cp1"]["api_usage"]["san_missing"] = {"apiserver_webhooks_x509_missing_san_total": 3}


SPOIL: dict[str, Spoil] = {
    "flags": spoil_flags,
    "gone_flags": spoil_flags,
    "extra_args": spoil_flags,
    "feature_gates": spoil_feature_gates,
    "config_api": spoil_config_api,
    "kubelet_config": spoil_kubelet_config,
    "etcd_between": spoil_etcd_between,
    "etcd_pinned_below": spoil_etcd_pinned,
    "runtime": spoil_runtime,
    "dockershim": spoil_dockershim,
    "cri_socket_without_scheme": lambda _yes, _f, nodes: nodes["w1"].update(cri_socket="/run/containerd.sock"),
    "volume_source": spoil_volume_source,
    "storage_class": lambda names, facts, _n: facts["storage_classes"].append({"name": "sc", "provisioner": names[0]}),
    "cgroup": lambda version, _f, nodes: nodes["w1"].update(cgroup=version),
    "kernel_below": lambda _lowest, _f, nodes: nodes["w1"].update(kernel="4.18.0-477.el8.x86_64"),
    "image": lambda pattern, facts, _n: facts["workloads"][3].update(images=[IMAGES[pattern]]),
    "image_repository": lambda name, facts, _n: facts["cluster"].update(image_repository=name),
    "node_selector": lambda label, facts, _n: spoil_pods(facts, node_selector={label: ""}),
    "toleration_only": lambda taints, facts, _n: spoil_pods(facts, tolerations=[{"key": taints["key"]}]),
    "kube_proxy_mode": lambda modes, facts, _n: facts["config_maps"].update({"kube-proxy": f"mode: {modes[0]}\n"}),
    "missing_san": spoil_missing_san,
    "patches": lambda _yes, _f, nodes: nodes["cp1"].update(patches_found=["/etc/kubernetes/patches"]),
    "kubeadm_feature_gates": lambda names, facts, _n: configure(facts, f"featureGates:\n  {names[0]}: true\n"),
}


def findings(ctx: Context) -> dict[str, Finding]:
    return {found.id: found for found in check_breakers(ctx) if isinstance(found, Finding)}


def unchecked(ctx: Context) -> list[str]:
    return [found.why for found in check_breakers(ctx) if isinstance(found, Unchecked)]


def lines(detector: str, wanted: t.Any, ctx: Context, minor: str = "1.22") -> list[str]:
    hits = list(DETECTORS[detector](wanted, ctx, minor))
    assert not [hit for hit in hits if isinstance(hit, Missing)]
    return [hit.line for hit in hits if not isinstance(hit, Missing)]


def test_a_healthy_cluster_has_nothing_to_be_found_and_nothing_unknown() -> None:
    assert list(check_breakers(healthy())) == []


def test_a_cluster_as_kubeadm_makes_it_has_nothing_to_be_found() -> None:
    assert list(check_breakers(healthy_context())) == []


def test_every_detector_can_be_spoiled() -> None:
    assert set(SPOIL) == set(DETECTORS)


@pytest.mark.parametrize(("row", "detector"), CASES, ids=[f"{row['id']}-{name}" for row, name in CASES])
def test_a_row_hits_what_it_describes(row: t.Mapping[str, t.Any], detector: str) -> None:
    current = f"1.{int(row['minor'][2:]) - 1}"
    ctx = healthy(lambda facts, nodes: SPOIL[detector](row["detect"][detector], facts, nodes), current)
    alone = replace(ctx, minors=(row["minor"],))
    assert not [hit for hit in look(row, alone) if isinstance(hit, Missing)]
    found = findings(alone)[f"breaker:{row['id']}"]
    assert (found.severity, found.minor, found.title) == (row["severity"], row["minor"], row["title"])
    assert all(found.seen)


class TestFlags:
    WANTED: t.ClassVar = {"kube-apiserver": ["cloud-provider=(?!external$).+"]}

    @pytest.mark.parametrize("value", ["external", ""])
    def test_a_value_that_is_well(self, value: str) -> None:
        ctx = healthy(lambda f, n: set_flag("kube-apiserver", f"cloud-provider={value}", f, n))
        assert lines("flags", self.WANTED, ctx) == []

    def test_a_longer_name_is_another_flag(self) -> None:
        ctx = healthy(lambda f, n: set_flag("kube-apiserver", "cloud-provider-gce-l7lb=x", f, n))
        assert lines("flags", {"kube-apiserver": ["cloud-provider"]}, ctx) == []

    def test_extra_args_as_a_list(self) -> None:
        text = "apiServer:\n  extraArgs:\n  - name: cloud-provider\n    value: aws\n"
        ctx = healthy(lambda facts, _n: configure(facts, text))
        assert lines("flags", self.WANTED, ctx) == [
            "ConfigMap kube-system/kubeadm-config: kube-apiserver --cloud-provider=aws (extraArgs)"
        ]

    def test_in_the_manifest_alone_is_lost_and_no_blocker(self) -> None:
        def spoil(_facts: Facts, nodes: Facts) -> None:
            nodes["cp1"]["static_pods"]["kube-apiserver"]["flags"]["cloud-provider"] = "aws"

        found = findings(replace(healthy(spoil, "1.32"), minors=("1.33",)))["breaker:apiserver-cloud-flags"]
        assert found.severity == "warning"
        assert "in its manifest alone" in found.seen[0]

    def test_what_an_older_kubeadm_wrote_is_no_finding(self) -> None:
        def spoil(_facts: Facts, nodes: Facts) -> None:
            nodes["cp1"]["static_pods"]["kube-controller-manager"]["flags"]["port"] = "0"

        assert lines("flags", {"kube-controller-manager": ["port"]}, healthy(spoil)) == []

    def test_what_the_upgrade_takes_out_of_kubeadm_flags_env_is_no_finding(self) -> None:
        wanted = {"kubelet": ["container-runtime", "pod-infra-container-image"]}
        assert lines("flags", wanted, healthy()) == []
        ctx = healthy(lambda f, n: set_flag("kubelet", "container-runtime=remote", f, n))
        assert lines("flags", wanted, ctx) == ["w1: kubelet --container-runtime=remote (KUBELET_EXTRA_ARGS)"]

    def test_of_a_drop_in_of_systemd_with_underscores(self) -> None:
        def spoil(_facts: Facts, nodes: Facts) -> None:
            nodes["w2"]["kubelet_arguments"]["boot_id_file"] = "/x"

        assert lines("flags", {"kubelet": ["boot-id-file"]}, healthy(spoil)) == [
            "w2: kubelet --boot-id-file=/x (kubelet's systemd unit or a drop-in of it)"
        ]

    def test_etcd_flags_that_kubeadm_writes_are_not_extra_args(self) -> None:
        assert lines("extra_args", {"etcd": ["experimental-.+"]}, healthy()) == []

    def test_an_open_quote_hides_nothing(self) -> None:
        ctx = healthy(lambda _f, n: n["w1"].update(kubelet_extra_args='--runonce --x="'))
        assert lines("flags", {"kubelet": ["runonce"]}, ctx) == ["w1: kubelet --runonce (KUBELET_EXTRA_ARGS)"]


class TestFeatureGates:
    def test_everywhere(self) -> None:
        def spoil(facts: Facts, nodes: Facts) -> None:
            nodes["w1"]["kubelet_configuration"]["featureGates"] = {"Gone": False}
            facts["config_maps"]["kubelet-config"] = "featureGates:\n  Gone: false\n"
            facts["config_maps"]["kube-proxy"] = "featureGates:\n  Gone: true\n"
            set_flag("kubelet", "feature-gates=Here=true,Gone=true", facts, nodes)

        assert lines("feature_gates", ["Gone"], healthy(spoil)) == [
            "w1: kubelet --feature-gates=Gone (KUBELET_EXTRA_ARGS)",
            "w1: kubelet's configuration: featureGates has Gone",
            "ConfigMap kube-system/kubelet-config: featureGates has Gone",
            "ConfigMap kube-system/kube-proxy: featureGates has Gone",
        ]

    def test_a_longer_name_is_another_gate(self) -> None:
        ctx = healthy(lambda f, n: set_flag("kube-scheduler", "feature-gates=EndpointSliceX=true", f, n))
        assert lines("feature_gates", ["EndpointSlice"], ctx) == []


class TestNearMisses:
    def test_kubeadm_writes_its_configuration_anew_at_each_hop(self) -> None:
        ctx = healthy(lambda facts, _n: facts["cluster"].update(config_api="kubeadm.k8s.io/v1beta2"), current="1.24")
        assert lines("config_api", ["kubeadm.k8s.io/v1beta2"], ctx, "1.27") == []
        assert lines("config_api", ["kubeadm.k8s.io/v1beta2"], replace(ctx, current="1.26"), "1.27") != []

    def test_a_file_of_the_next_version(self) -> None:
        files = {"/etc/s.yaml": {"apiVersion": "kubescheduler.config.k8s.io/v1"}}
        ctx = healthy(lambda _f, nodes: nodes["cp1"].update(files=files))
        assert lines("config_api", ["kubescheduler.config.k8s.io/v1beta3"], ctx) == []

    def test_the_first_etcd_that_is_well(self) -> None:
        ctx = healthy(lambda _f, nodes: nodes["cp1"]["running"].update(etcd="3.5.3"))
        assert lines("etcd_between", ["3.5.0", "3.5.3"], ctx) == []

    def test_a_pinned_etcd_that_is_new_enough(self) -> None:
        ctx = healthy(lambda facts, _n: facts["cluster"]["etcd"].update(image_tag="3.5.11-0"))
        assert lines("etcd_pinned_below", "3.5.11", ctx) == []

    @pytest.mark.parametrize("runtime", ["containerd://1.10.0", "cri-o://1.5.0"])
    def test_runtimes_that_are_well(self, runtime: str) -> None:
        ctx = healthy(lambda facts, _n: facts["nodes"]["w1"].update(container_runtime=runtime))
        assert lines("runtime", {"containerd": "1.6.0"}, ctx) == []

    @pytest.mark.parametrize(("kubelet", "flags"), [("v1.24.0", {}), ("v1.23.5", {"container-runtime": "remote"})])
    def test_cri_dockerd_is_not_dockershim(self, kubelet: str, flags: Facts) -> None:
        def spoil(facts: Facts, nodes: Facts) -> None:
            spoil_dockershim(True, facts, nodes)
            facts["nodes"]["w1"]["kubelet"] = kubelet
            nodes["w1"]["kubelet_flags"] = flags

        assert lines("dockershim", True, healthy(spoil)) == []

    def test_a_volume_whose_csi_driver_is_there(self) -> None:
        def spoil(facts: Facts, _nodes: Facts) -> None:
            facts["volumes"] = [{"name": "pv1", "source": "awsElasticBlockStore"}, {"name": "pv2", "source": "nfs"}]
            facts["csi_drivers"] = ["ebs.csi.aws.com"]

        assert lines("volume_source", {"awsElasticBlockStore": "ebs.csi.aws.com"}, healthy(spoil)) == []

    def test_kernels(self) -> None:
        ctx = healthy(lambda _f, nodes: nodes["w1"].update(kernel="4.19.0-17-cloud-amd64"))
        assert lines("kernel_below", "4.19", ctx) == []
        assert lines("kernel_below", "5.16", ctx) != []

    def test_images_of_kubeadm_itself(self) -> None:
        def spoil(facts: Facts, _nodes: Facts) -> None:
            for row in (*facts["pods"], *facts["workloads"]):
                if row["ns"] == "kube-system":
                    row["images"] = [image.replace("registry.k8s.io", "k8s.gcr.io") for image in row["images"]]

        assert lines("image", "k8s\\.gcr\\.io/.*", healthy(spoil)) == []

    def test_tolerations(self) -> None:
        master, control = "node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane"

        def spoil(facts: Facts, _nodes: Facts) -> None:
            spoil_pods(facts, owner=None, name="a", tolerations=[{"key": master}, {"key": control}])
            spoil_pods(facts, owner=None, name="b", tolerations=[{"key": master}, {"operator": "Exists"}])
            spoil_pods(facts, owner=None, name="c", tolerations=[{"key": "other"}])
            spoil_pods(facts, owner=None, name="d", tolerations=[{"key": master}], finished=True)

        assert lines("toleration_only", {"key": master, "without": control}, healthy(spoil)) == []

    def test_affinity(self) -> None:
        def affinity(operator: str, key: str) -> Facts:
            terms = [{"matchExpressions": [{"key": key, "operator": operator}]}]
            return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}

        def spoil(facts: Facts, _nodes: Facts) -> None:
            spoil_pods(facts, owner=None, name="a", affinity=affinity("Exists", "old"))
            spoil_pods(facts, owner=None, name="b", affinity=affinity("DoesNotExist", "old"))
            spoil_pods(facts, owner=None, name="c", affinity=affinity("Exists", "new"))

        assert lines("node_selector", "old", healthy(spoil)) == ["Pod ops/a: selects nodes by old"]

    def test_pods_of_one_owner_are_told_once(self) -> None:
        def spoil(facts: Facts, _nodes: Facts) -> None:
            spoil_pods(facts, name="agent-1", node_selector={"old": ""})
            spoil_pods(facts, name="agent-2", node_selector={"old": ""})

        assert lines("node_selector", "old", healthy(spoil)) == ["DaemonSet ops/agent: selects nodes by old"]

    def test_modes_of_kube_proxy(self) -> None:
        ctx = healthy(lambda facts, _n: facts["config_maps"].update({"kube-proxy": "mode: iptables\n"}))
        assert lines("kube_proxy_mode", ["ipvs", "userspace"], ctx) == []

    def test_certificates_that_were_well(self) -> None:
        usage = {"since": "2023-05-01T00:00:00Z", "san_missing": {"apiserver_webhooks_x509_insecure_sha1_total": 2}}
        ctx = healthy(lambda _f, nodes: nodes["cp1"].update(api_usage=usage))
        assert lines("missing_san", True, ctx) == []


class TestCgroups:
    @pytest.mark.parametrize("where", ["kubelet_drop_ins", "patches_found", "cluster"])
    @pytest.mark.parametrize(
        ("ignored", "severity"), [([], "blocker"), (["SystemVerification"], "warning"), (["all"], "warning")]
    )
    def test_v1_is_borne_where_kubelet_and_kubeadm_are_told_to(
        self, where: str, ignored: list[str], severity: str
    ) -> None:
        def spoil(facts: Facts, nodes: Facts) -> None:
            nodes["w1"]["cgroup"] = "v1"
            if where != "cluster":
                nodes["w1"]["kubelet_configuration"]["failCgroupV1"] = False
                nodes["w1"][where] = ["/etc/kubernetes/some"]
            else:
                facts["config_maps"]["kubelet-config"] += "failCgroupV1: false\n"

        ctx = replace(healthy(spoil), options={"ignore_preflight_errors": ignored})
        found = findings(ctx)["breaker:cgroup-v1"]
        assert found.severity == severity
        assert found.seen[0].startswith("w1: cgroup v1, failCgroupV1 is false")
        assert ("SystemVerification is not ignored" in found.seen[0]) is (severity == "blocker")

    @pytest.mark.parametrize(
        ("apply", "node", "severity"),
        [
            (["SystemVerification"], ["SystemVerification"], "warning"),
            (["all"], ["SystemVerification"], "warning"),
            (["SystemVerification"], [], "blocker"),
            (None, ["SystemVerification"], "blocker"),
        ],
    )
    def test_v1_with_an_upgrade_configuration_its_lists_count(
        self, apply: list[str] | None, node: list[str], severity: str
    ) -> None:
        """Protection: ignores_preflight(); kubeadm is given no flag beside --config."""

        def spoil(facts: Facts, nodes: Facts) -> None:
            nodes["w1"]["cgroup"] = "v1"
            facts["config_maps"]["kubelet-config"] += "failCgroupV1: false\n"

        configuration = {"apply": {"ignorePreflightErrors": apply}, "node": {"ignorePreflightErrors": node}}
        options = {"ignore_preflight_errors": ["SystemVerification"], "upgrade_configuration": configuration}
        found = findings(replace(healthy(spoil), options=options))["breaker:cgroup-v1"]
        assert found.severity == severity
        assert "ignorePreflightErrors in kubeadm_upgrade_configuration" in found.seen[0]

    def test_v1_in_the_nodes_own_file_alone_is_lost_on_the_way(self) -> None:
        """Protection: kubeadm upgrade node writes config.yaml from the ConfigMap, and kubelet would not start."""

        def spoil(_facts: Facts, nodes: Facts) -> None:
            nodes["w1"]["cgroup"] = "v1"
            nodes["w1"]["kubelet_configuration"]["failCgroupV1"] = False
            nodes["w1"].update(kubelet_drop_ins=[], patches_found=[])

        ctx = replace(healthy(spoil), options={"ignore_preflight_errors": ["SystemVerification"]})
        found = findings(ctx)["breaker:cgroup-v1"]
        assert found.severity == "blocker"
        assert "in its own config.yaml alone, which kubeadm writes anew" in found.seen[0]

    def test_v1_breaks_kubelet_whatever_kubeadm_ignores(self) -> None:
        ctx = healthy(lambda _f, nodes: nodes["w1"].update(cgroup="v1"))
        ctx = replace(ctx, options={"ignore_preflight_errors": ["SystemVerification"]})
        assert findings(ctx)["breaker:cgroup-v1"].severity == "blocker"


class TestWhatIsNotKnown:
    def test_of_many_nodes_is_said_once(self) -> None:
        def spoil(_facts: Facts, nodes: Facts) -> None:
            for number in range(8):
                nodes[f"x{number}"] = {**nodes["w1"], "cgroup": None, "unread": {"cgroup": "no such folder"}}

        said = [why for why in unchecked(healthy(spoil)) if "cgroups" in why]
        assert said == [
            "Not known: the version of cgroups of x0, x1, x2, x3, x4 and 3 more (no such folder). Not looked for "
            "there: cgroup-v1-maint, cgroup-v1."
        ]

    @pytest.mark.parametrize("key", ["volumes", "pods", "workloads", "storage_classes"])
    def test_forbidden_lists(self, key: str) -> None:
        def spoil(facts: Facts, _nodes: Facts) -> None:
            facts[key] = []
            facts["unread"] = [{"what": key, "why": "403 Forbidden", "matters": "…"}]

        assert [why for why in unchecked(healthy(spoil)) if why.startswith(f"Not looked for in the cluster's {key}: ")]

    def test_no_csi_drivers_known(self) -> None:
        def spoil(facts: Facts, _nodes: Facts) -> None:
            spoil_volume_source({"cinder": ""}, facts, {})
            facts["csi_drivers"] = None

        assert [why for why in unchecked(healthy(spoil)) if "csi_drivers" in why and "glusterfs-openstack" in why]

    @pytest.mark.parametrize("text", [None, "", "a: &anchor b"])
    def test_a_configuration_that_cannot_be_read(self, text: str | None) -> None:
        ctx = healthy(lambda facts, _n: facts["cluster"].update(configuration=text))
        assert [why for why in unchecked(ctx) if "kubeadm-config" in why and "apiserver-flags-124" in why]

    def test_of_a_control_plane(self) -> None:
        def spoil(_facts: Facts, nodes: Facts) -> None:
            for key in ("static_pods", "files", "api_usage", "kubelet_arguments", "kubelet_configuration"):
                nodes["cp1"][key] = None

        told = " ".join(unchecked(healthy(spoil)))
        for name in ("x509-cn", "scheduler-cfg-v1beta3", "psp", "cadvisor-flags", "kubelet-runonce"):
            assert name in told

    def test_facts_of_an_older_schema_raise_nothing(self) -> None:
        def spoil(facts: Facts, nodes: Facts) -> None:
            keep = {"name", "control_plane", "kubelet_flags"}
            for name, node in list(nodes.items()):
                nodes[name] = {key: value for key, value in node.items() if key in keep}
            for key in set(facts) - {"nodes", "cluster", "version"}:
                facts.pop(key)
            facts["cluster"] = {}
            facts["nodes"] = {}

        ctx = healthy(spoil)
        assert findings(ctx) == {}
        assert unchecked(ctx)

    def test_a_minor_that_is_newer_than_the_tables(self) -> None:
        ctx = replace(healthy(), current="1.40", minors=("1.41",))
        assert [why for why in unchecked(ctx) if "knows nothing of what breaks in 1.41" in why]


class TestReport:
    def test_the_minor_after_the_target_is_information(self) -> None:
        ctx = replace(healthy(lambda _f, nodes: nodes["w1"].update(cgroup="v1"), "1.33"), minors=("1.34",))
        found = findings(ctx)["breaker:cgroup-v1"]
        assert found.severity == "info"
        assert found.title == "Nodes run on cgroup v1 (in 1.35, after the target)"

    def test_later_minors_are_left_out(self) -> None:
        ctx = replace(healthy(lambda _f, nodes: nodes["w1"].update(cgroup="v1"), "1.31"), minors=("1.32",))
        assert "breaker:cgroup-v1" not in findings(ctx)

    def test_a_kubelet_that_lags_has_older_minors_to_pass(self) -> None:
        def spoil(facts: Facts, nodes: Facts) -> None:
            facts["nodes"]["w1"]["container_runtime"] = "containerd://1.5.13"
            facts["nodes"]["w1"]["kubelet"] = "v1.25.4"
            facts["cluster"]["image_repository"] = "k8s.gcr.io"

        ctx = replace(healthy(spoil, "1.26"), minors=("1.27",))
        for name in ctx.nodes:
            if name != "w1":
                ctx.facts["nodes"][name]["kubelet"] = "v1.26.9"
        assert set(findings(ctx)) == {"breaker:cri-v1"}
        ctx.facts["nodes"]["w1"]["kubelet"] = "v1.26.0"
        assert findings(ctx) == {}

    def test_with_nothing_to_do_the_next_minor_is_told(self) -> None:
        ctx = replace(healthy(lambda _f, nodes: nodes["w1"].update(cgroup="v1"), "1.34"), minors=())
        assert findings(ctx)["breaker:cgroup-v1"].severity == "info"

    def test_many_lines_are_cut(self) -> None:
        def spoil(facts: Facts, _nodes: Facts) -> None:
            facts["volumes"] = [{"name": f"pv{number}", "source": "cephfs"} for number in range(60)]

        found = findings(replace(healthy(spoil, "1.30"), minors=("1.31",)))["breaker:ceph-intree"]
        assert len(found.seen) == 51
        assert found.seen[-1] == "and 10 more"

    def test_known_risks_are_one_finding_of_the_plan(self) -> None:
        (found,) = known_risks(replace(healthy(), minors=("1.24", "1.25")))
        assert (found.id, found.severity, found.minor) == ("known-risks:1.25", "info", "1.25")
        assert len(found.seen) == len(not_covered(("1.24", "1.25")))
        assert found.seen[0].startswith("1.24: New ServiceAccounts get no token Secret. ")

    def test_without_hops_there_are_no_known_risks(self) -> None:
        assert list(known_risks(replace(healthy(), minors=()))) == []


def test_kubeadm_refuses_gates_of_its_own_before_1_28() -> None:
    """kubernetes/kubernetes#118270: up to 1.27 it ends at a gate that it does not know, from 1.28 on it warns."""
    rows = [(row, name) for row in ROWS for name in row["detect"].get("kubeadm_feature_gates", ())]
    refused = {name: row["minor"] for row, name in rows if row["severity"] == "blocker"}
    assert refused == {"IPv6DualStack": "1.24", "UnversionedKubeletConfigMap": "1.26"}
    assert all(int(row["minor"][2:]) >= 28 for row, _name in rows if row["severity"] == "info")
