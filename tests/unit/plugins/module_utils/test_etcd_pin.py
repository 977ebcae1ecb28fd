# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The text of a ClusterConfiguration with etcd.local.imageTag set and taken out, read back by PyYAML."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._etcd_pin import with_image_tag

yaml = pytest.importorskip("yaml")

# As kubeadm 1.33 writes it (kubeadm init phase upload-config kubeadm), shortened.
CONFIGURATION = """\
apiServer:
  certSANs:
  - localhost
  extraArgs:
  - name: runtime-config
    value: ""
apiVersion: kubeadm.k8s.io/v1beta4
caCertificateValidityPeriod: 87600h0m0s
clusterName: demo
etcd:
  local:
    dataDir: /var/lib/etcd
kind: ClusterConfiguration
kubernetesVersion: v1.33.0
networking:
  dnsDomain: cluster.local
"""


def test_set_and_taken_out_again_is_what_it_was() -> None:
    pinned = with_image_tag(CONFIGURATION, "3.5.32-0")
    assert sorted(set(pinned.splitlines()) - set(CONFIGURATION.splitlines())) == ["    imageTag: 3.5.32-0"]
    assert yaml.safe_load(pinned)["etcd"] == {"local": {"dataDir": "/var/lib/etcd", "imageTag": "3.5.32-0"}}
    assert with_image_tag(pinned, None) == CONFIGURATION


def test_a_pin_is_replaced_where_it_stands() -> None:
    before = CONFIGURATION.replace("dataDir: /var/lib/etcd", "dataDir: /var/lib/etcd\n    imageTag: 3.5.24-0")
    assert with_image_tag(before, "3.5.32-0") == before.replace("3.5.24-0", "3.5.32-0")


@pytest.mark.parametrize(
    ("etcd", "wanted"),
    [
        ("  local: {}\n", {"local": {"imageTag": "3.5.32-0"}}),
        ("  local:\n", {"local": {"imageTag": "3.5.32-0"}}),
        ("    local:\n        # mine\n        dataDir: /e\n", {"local": {"dataDir": "/e", "imageTag": "3.5.32-0"}}),
    ],
)
def test_other_ways_to_write_it(etcd: str, wanted: dict[str, Any]) -> None:
    pinned = with_image_tag(f"etcd:\n{etcd}kind: ClusterConfiguration\n", "3.5.32-0")
    assert yaml.safe_load(pinned) == {"etcd": wanted, "kind": "ClusterConfiguration"}


@pytest.mark.parametrize(
    "text",
    [
        'etcd: {"local": {"dataDir": "/e"}}\n',
        '{"etcd": {"local": {"dataDir": "/e"}}}',
        '"etcd":\n  local:\n    dataDir: /e\n',
        'etcd:\n  local: {"dataDir": "/e"}\n',
        "kind: ClusterConfiguration\n",
        "etcd:\n  external:\n    endpoints:\n    - https://e:2379\n",
    ],
)
def test_what_is_not_understood_is_refused_and_never_misread(text: str) -> None:
    with pytest.raises(UpliftError):
        with_image_tag(text, "3.5.32-0")


KEYS = st.sampled_from(["dataDir", "extraArgs", "imageRepository", "imageTag", "serverCertSANs", "peerCertSANs"])
VALUES = st.one_of(
    st.text("abc:/#{}[]\"' .-1\n", max_size=12),
    st.lists(st.text("abc.-1", min_size=1, max_size=6), max_size=3),
    st.dictionaries(st.sampled_from(["imageTag", "local", "etcd", "name"]), st.text("ab1.", max_size=5), max_size=3),
)
OTHERS = st.dictionaries(
    st.sampled_from(["apiServer", "dns", "networking", "scheduler", "kind"]),
    st.dictionaries(st.sampled_from(["imageTag", "local", "etcd", "x"]), VALUES, max_size=3),
    max_size=4,
)


@settings(max_examples=300)
@given(OTHERS, st.dictionaries(KEYS, VALUES, max_size=4), st.sampled_from([None, "3.5.32-0", "v3.6.11"]))
def test_nothing_else_changes(others: dict[str, Any], local: dict[str, Any], tag: str | None) -> None:
    """What PyYAML writes is edited, and PyYAML finds the one change in it; or it is refused."""
    config = {**others, "etcd": {"local": local}}
    wanted = copy.deepcopy(config)
    wanted["etcd"]["local"].pop("imageTag", None)
    if tag:
        wanted["etcd"]["local"]["imageTag"] = tag
    text = yaml.safe_dump(config, default_flow_style=False)
    try:
        edited = with_image_tag(text, tag)
    except UpliftError:
        # A value that goes on over lines, or that this collection's reader does not take.
        assert any(not isinstance(value, list) for value in [*local.values(), *others.values()])
        return
    assert yaml.safe_load(edited) == wanted
