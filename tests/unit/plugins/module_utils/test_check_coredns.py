# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm's preflight of CoreDNS, held against what the migration library itself answered (corefile_migration.json)."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils import _corefile, _knowledge
from ansible_collections.uplift.kubeadm.plugins.module_utils._check_coredns import CHECKS
from ansible_collections.uplift.kubeadm.plugins.module_utils._findings import Context, Finding
from ansible_collections.uplift.kubeadm.plugins.module_utils._knowledge import corefile as tables
from ansible_collections.uplift.kubeadm.tests.unit.plugins.checking import at, findings, gaps
from ansible_collections.uplift.kubeadm.tests.unit.plugins.healthy import COREFILE, healthy_context

RECORDED = json.loads((Path(__file__).parent / "corefile_migration.json").read_text())
IGNORE = "CoreDNSUnsupportedPlugins"
TEMPLATE = COREFILE.replace("    ready\n", "    ready\n    template IN A ads.example {\n       rcode NXDOMAIN\n    }\n")


def cluster(
    corefile: str | None = COREFILE, image: str | None = "registry.k8s.io/coredns/coredns:v1.8.6", **options: t.Any
) -> Context:
    """The healthy cluster with this Corefile and this image of CoreDNS; None: there is none."""

    def spoil(facts: t.Any, nodes: t.Any) -> None:
        facts["config_maps"] = {**facts["config_maps"], "coredns": corefile}
        if corefile is None:
            del facts["config_maps"]["coredns"]
        facts["addons"]["coredns"] = image and {"image": image, "version": "v1.8.6"}

    return healthy_context(spoil, **options)


def pinned(context: Context, tag: str) -> Context:
    facts = {**context.facts, "cluster": {**context.facts["cluster"], "dns": {"image_tag": tag}}}
    return replace(context, facts=facts)


def found(context: Context) -> dict[str, Finding]:
    return findings(CHECKS, context)


def severities(context: Context) -> dict[str, str]:
    return {name: finding.severity for name, finding in found(context).items()}


@pytest.mark.parametrize(("kubeadm", "corefile", "running", "answer"), RECORDED["answers"])
def test_the_library_itself_says_the_same(kubeadm: str, corefile: str, running: str, answer: t.Any) -> None:
    _major, minor, patch = (int(part) for part in kubeadm.split("."))
    library, read = tables.library(minor, patch)
    assert library
    assert read
    if isinstance(answer, str):
        assert answer == f"start version '{running}' not supported"
        assert running not in tables.releases(library)
    else:
        refused = _corefile.unknown(RECORDED["corefiles"][corefile], minor, library, running)
        assert sorted({f"{what.plugin} {what.option}".strip() for what in refused}) == answer


def test_tables_are_whole() -> None:
    for minor in _knowledge.known_minors():
        rows = [row for row in tables.LIBRARIES if f"1.{row.minor}" == minor]
        components = _knowledge.components(minor)
        assert components
        assert components["coredns"] == f"v{rows[-1].coredns}"
        assert rows[0].first == 0
        assert all(after.first == before.last + 1 for before, after in zip(rows, rows[1:]))
    order = [tables.RELEASES.index(change.coredns) for change in tables.CHANGES]
    assert order == sorted(order)  # plugins() stops at the first that is later
    assert list(tables.RELEASES) == sorted(tables.RELEASES, key=lambda name: [int(part) for part in name.split(".")])


def test_a_patch_after_those_read_is_not_certain() -> None:
    assert tables.library(36, 9) == (tables.LIBRARIES[-2], False)
    assert tables.library(99, 0) == (None, False)


class TestCorefile:
    def test_reads_blocks_quotes_and_comments(self) -> None:
        text = 'a:53 b {\n  log # x {\n  hosts {\n    "10.0.0.1" "a\nb" {\n    ttl#5\n  }\n }\n}\n.\n{\n loop\n}'
        assert _corefile.parse(text) == [
            ("a:53 b", "log", []),
            ("a:53 b", "hosts", ["10.0.0.1"]),
            (".", "loop", []),
        ]

    @given(st.text(alphabet='ab{}"\\#\n\r \ufeff.:\x1c', max_size=60))
    def test_any_text_is_read(self, text: str) -> None:
        for plugin in _corefile.parse(text):
            assert isinstance(plugin.name, str)


@pytest.mark.parametrize(("current", "target"), [("1.24", "1.26"), ("1.24", "1.37"), ("1.22", "1.37")])
def test_corefile_and_image_as_kubeadm_makes_them_pass_all_the_way(current: str, target: str) -> None:
    context = at(cluster(image="registry.k8s.io/coredns/coredns:v1.8.4"), current, target)
    assert found(context) == {}
    assert gaps(CHECKS, context) == {}


class TestPlugins:
    def test_an_unknown_one_stops_each_hop(self) -> None:
        finding = found(cluster(TEMPLATE))["coredns-plugins"]
        assert (finding.severity, finding.minor) == ("blocker", "1.25")
        assert finding.seen == ("ConfigMap kube-system/coredns: plugin template, in the block .:53 (1.25, 1.26)",)
        assert "CoreDNSUnsupportedPlugins in kubeadm_upgrade_ignore_preflight_errors (for 1.25, 1.26)" in finding.fix

    def test_none_is_asked_for_where_coredns_stays(self) -> None:
        """kubeadm 1.28 ships the CoreDNS of 1.27, and 1.26 that of 1.25, but 1.26 asks all the same."""
        steady = at(cluster(TEMPLATE, "coredns:v1.10.1"), "1.27", "1.28")
        assert found(steady) == {}
        assert found(at(cluster(TEMPLATE, "coredns:v1.9.3"), "1.25", "1.26"))["coredns-plugins"].minor == "1.26"

    def test_an_option_that_a_release_on_the_way_does_not_list(self) -> None:
        stale = COREFILE.replace("cache 30", "cache 30 {\n       serve_stale\n    }")
        (line,) = found(at(cluster(stale), "1.24", "1.34"))["coredns-plugins"].seen
        # kubeadm 1.29 and later list it for the CoreDNS that they come from, and for all on the way.
        assert line.endswith("option serve_stale of plugin cache, in the block .:53 (1.25, 1.26, 1.27)")

    @pytest.mark.parametrize("named", [IGNORE, IGNORE.lower(), "all"])
    def test_ignored_is_a_warning(self, named: str) -> None:
        assert severities(cluster(TEMPLATE, ignore_preflight_errors=[named])) == {"coredns-plugins": "warning"}

    def test_other_checks_ignored_are_no_help(self) -> None:
        ignored = cluster(TEMPLATE, ignore_preflight_errors=["CoreDNSMigration"])
        assert severities(ignored) == {"coredns-plugins": "blocker"}

    def test_from_1_31_on_the_configuration_says_it_under_apply(self) -> None:
        configuration = {"apply": {"ignorePreflightErrors": [IGNORE]}}
        context = at(cluster(TEMPLATE, "coredns:v1.10.1", upgrade_configuration=configuration), "1.30", "1.33")
        assert severities(context) == {"coredns-plugins": "warning"}
        earlier = at(context, "1.28", "1.32")
        finding = found(earlier)["coredns-plugins"]
        assert (finding.severity, finding.minor) == ("blocker", "1.29")
        assert "kubeadm_upgrade_ignore_preflight_errors (for 1.29)" in finding.fix
        assert "ignorePreflightErrors in kubeadm_upgrade_configuration (for 1.32)" in finding.fix

    def test_of_a_patch_that_was_not_read_is_a_warning(self) -> None:
        context = at(cluster(TEMPLATE, "coredns:v1.13.1"), "1.35", "1.36")
        stages = [{**stage, "version": "v1.36.99"} for stage in context.plan["stages"]]
        context = replace(context, plan={**context.plan, "stages": stages})
        finding = found(context)["coredns-plugins"]
        assert finding.severity == "warning"
        assert "1.36, as read up to 1.36.4" in finding.seen[0]

    def test_what_a_migration_takes_out_is_not_foreseen_for_later_hops(self) -> None:
        old = COREFILE.replace("pods insecure", "pods insecure\n       upstream")
        (line,) = found(at(cluster(old, "coredns:1.7.1"), "1.26", "1.28"))["coredns-plugins"].seen
        assert line.endswith("option upstream of plugin kubernetes, in the block .:53 (1.27)")


def begun(context: Context) -> Context:
    """The same plan when `apply` has run at its hops, and `kubeadm upgrade node` is left."""
    stages = [{**stage, "actions": {"host-cp2": "node"}} for stage in context.plan["stages"]]
    return replace(context, plan={**context.plan, "stages": stages})


def test_upgrade_node_does_not_ask() -> None:
    assert found(begun(cluster(TEMPLATE))) == {}
    assert found(begun(cluster(None, None))) == {}
    own = cluster(image="corp.example/coredns:v1.8.6-corp")
    assert found(begun(own)) == {}
    assert severities(begun(at(own, "1.27", "1.28"))) == {"coredns-release": "blocker"}  # it fails at the add-on


class TestReleases:
    def test_a_tag_of_ones_own(self) -> None:
        finding = found(cluster(image="corp.example/coredns:v1.8.6-corp"))["coredns-release"]
        assert (finding.severity, finding.minor) == ("blocker", "1.25")
        assert finding.seen == (
            "Deployment kube-system/coredns: corp.example/coredns:v1.8.6-corp; kubeadm 1.25 takes it for «1.8.6-corp», "
            "and knows the releases up to 1.9.3",
        )

    def test_to_ignore_it_does_not_help(self) -> None:
        both = [IGNORE, "CoreDNSMigration"]
        context = cluster(image="corp.example/coredns:v1.8.6-corp", ignore_preflight_errors=both)
        assert severities(context) == {"coredns-release": "blocker"}

    def test_newer_than_the_hop_ships(self) -> None:
        context = at(cluster(image="registry.k8s.io/coredns/coredns:v1.10.1"), "1.24", "1.27")
        finding = found(context)["coredns-release"]
        assert finding.minor == "1.25"
        assert len(finding.seen) == 1  # the hop to 1.25 would leave CoreDNS 1.9.3

    def test_a_newer_pin_stays(self) -> None:
        context = at(pinned(cluster(image="registry.k8s.io/coredns/coredns:v1.8.6"), "v1.10.1"), "1.24", "1.27")
        finding = found(context)["coredns-release"]
        assert finding.minor == "1.26"
        assert [line.partition(";")[0] for line in finding.seen] == [
            "ConfigMap kube-system/kubeadm-config: dns.imageTag is v1.10.1"
        ]

    def test_a_digest_hides_the_tag_before_1_30(self) -> None:
        digest = f"registry.k8s.io/coredns/coredns:v1.10.1@sha256:{'0a' * 32}"
        assert found(at(cluster(image=digest), "1.27", "1.28"))["coredns-release"].minor == "1.28"
        assert found(at(cluster(image=digest), "1.29", "1.30")) == {}

    def test_patches_of_one_minor_differ(self) -> None:
        context = at(cluster(image="coredns:v1.11.3"), "1.30", "1.31")
        assert "coredns-release" in found(context)
        stages = [{**stage, "version": "v1.31.1"} for stage in context.plan["stages"]]
        assert found(replace(context, plan={**context.plan, "stages": stages})) == {}


class TestNoCorefile:
    BOTH: t.ClassVar = (IGNORE, "CoreDNSMigration")

    def test_kubeadm_refuses_it(self) -> None:
        finding = found(cluster(None, None))["coredns-no-corefile"]
        assert (finding.severity, finding.minor) == ("blocker", "1.25")
        assert "CoreDNSUnsupportedPlugins and CoreDNSMigration" in finding.fix

    def test_ignored_leaves_dns_alone_up_to_1_30(self) -> None:
        context = cluster(None, None, ignore_preflight_errors=self.BOTH)
        assert found(context) == {}
        assert severities(at(context, "1.29", "1.32")) == {"coredns-no-corefile": "warning"}
        assert severities(cluster(None, None, ignore_preflight_errors=[IGNORE])) == {"coredns-no-corefile": "blocker"}

    def test_disabled_dns_is_left_alone(self) -> None:
        context = cluster(None, None, ignore_preflight_errors=self.BOTH)
        kept = context.facts["cluster"]
        text = kept["configuration"].replace("dns: {}", "dns:\n  disabled: true")
        context = replace(context, facts={**context.facts, "cluster": {**kept, "configuration": text}})
        assert found(at(context, "1.32", "1.34")) == {}


class TestNotKnown:
    def test_what_was_not_read(self) -> None:
        context = cluster(None)
        context.facts["unread"].append({"what": "config_maps", "why": "forbidden"})
        assert found(context) == {}
        assert list(gaps(CHECKS, context)) == ["coredns-preflight"]

    def test_a_corefile_without_its_deployment(self) -> None:
        context = cluster(image=None)
        assert found(context) == {}
        assert "no Deployment" in gaps(CHECKS, context)["coredns-preflight"]

    def test_a_minor_that_is_not_in_the_tables(self) -> None:
        context = at(cluster(TEMPLATE, "coredns:v1.14.2"), "1.36", "1.38")
        assert "kubeadm 1.38" in gaps(CHECKS, context)["coredns-preflight"]
        assert found(context)["coredns-plugins"].seen[0].endswith("(1.37)")

    def test_nothing_to_do(self) -> None:
        assert found(at(cluster(TEMPLATE), "1.24", "1.24")) == {}
