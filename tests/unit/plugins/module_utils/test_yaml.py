# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The YAML reader, against PyYAML as oracle and on what Go really writes."""

from __future__ import annotations

import json
import re
import textwrap
import typing as t

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils import _yaml
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

# Numbers to Go, which puts quotes around such a string; to PyYAML words, which it writes without.
GO_ALONE = re.compile(r"[-+]?((\d[\d_]*\.?|\d*\.\d)[\d_]*[eE][-+]?\d+|0o[0-7_]+)$")


def same_for_both(text: str) -> bool:
    return not GO_ALONE.match(text)


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=60).filter(same_for_both)
WORDS = st.lists(
    st.sampled_from(["a", "b:", "#c", "- d", "'", '"', "é", "1", "true", " ", "\n", "\\", "long-word" * 4]), max_size=40
)
# Keys of more than 128 characters become complex keys ("? "), which Go never writes for the files that are read here.
KEYS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20).filter(same_for_both),
    st.sampled_from(["a b", "x:y", "#k", "- k", "yes", "1"]),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT, WORDS.map(" ".join))
DATA = st.recursive(
    SCALARS, lambda d: st.one_of(st.lists(d, max_size=4), st.dictionaries(KEYS, d, max_size=4)), max_leaves=12
)

TOKENS = ["a", "b", ": ", ":", "\n", "\n  ", "\n    ", "- ", "-", "'", '"', "|", "|-", "|+", ">", "#", " "]
TOKENS += ["{}", "[]", "1", "x: y", "k:", "&", "*", "---"]


@settings(max_examples=400)
@given(DATA, st.sampled_from([None, '"', "'", "|"]), st.sampled_from([20, 80, 10_000]), st.booleans())
def test_reads_what_pyyaml_writes(data: t.Any, style: str | None, width: int, unicode: bool) -> None:
    text = yaml.safe_dump(data, default_flow_style=False, default_style=style, width=width, allow_unicode=unicode)
    if "!!" in text or re.search(
        "[\x85\u2028\u2029]", text
    ):  # tags (a forced style) and odd line breaks: outside the subset
        with pytest.raises(UpliftError, match="line"):
            _yaml.load(text)
    elif not re.search(r"^[\s-]*\? ", text, re.MULTILINE):
        assert _yaml.load(text) == data


@pytest.mark.parametrize("text", ["0E0", "1e3", "1.5e3", ".5E2", "0o17"])
def test_reads_numbers_as_go_does(text: str) -> None:
    assert GO_ALONE.match(text)
    assert _yaml.load(text) == (15 if text == "0o17" else float(text))


@settings(max_examples=200)
@given(DATA)
def test_reads_json(data: t.Any) -> None:
    assert _yaml.load(json.dumps({"v": data})) == {"v": data}
    assert _yaml.load("v: " + json.dumps([data])) == {"v": [data]}


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(TOKENS), max_size=14).map("".join))
@example("|\n   \n  #")  # a blank line that is indented deeper than the block
def test_never_reads_otherwise_than_pyyaml(text: str) -> None:
    """What is YAML and is accepted means what it means to PyYAML; to refuse more than PyYAML is what a subset does."""
    try:
        mine, oracle = _yaml.load(text), _string_keys(yaml.load(text, Loader=yaml.SafeLoader))
    except (UpliftError, yaml.YAMLError):
        return
    if not re.search("[0-9]:[0-9]", text):  # a number of base 60 to PyYAML, a string to Go and to us
        assert mine == oracle


def _string_keys(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {str(k): _string_keys(v) for k, v in value.items()}
    return [_string_keys(v) for v in value] if isinstance(value, list) else value


def test_kubeadm_writes() -> None:
    text = textwrap.dedent(
        """\
        apiServer:
          extraArgs:
            authorization-mode: Node,RBAC
            audit-log-maxage: "30"
          timeoutForControlPlane: 4m0s
        apiVersion: kubeadm.k8s.io/v1beta3
        controllerManager: {}
        dns:
          imageTag: v1.8.6 # a comment
        etcd:
          external:
            endpoints:
            - https://10.0.0.1:2379
            - https://10.0.0.2:2379
        kubernetesVersion: v1.24.17
        networking:
          podSubnet: 10.244.0.0/16
        - 1
        """
    )
    with pytest.raises(UpliftError, match="ConfigMap kube-system/kubeadm-config, line 18"):
        _yaml.load(text, "ConfigMap kube-system/kubeadm-config")
    assert _yaml.load(text.replace("- 1\n", "")) == yaml.safe_load(text.replace("- 1\n", ""))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: &x 2\n", 2, "anchor"),
        ("a: *x\n", 1, "not take"),
        ("a: !!str 1\n", 1, "not take"),
        ("a: >\n  b\n", 1, "not take"),
        ("a: {b: c}\n", 1, "JSON"),
        ("a: 1\n---\nb: 1\n", 2, "second document"),
        ("a: 1\na: 2\n", 2, "twice"),
        ("a:\n\tb: 1\n", 2, "tab"),
        ("a: 'x\n\n", 1, "never closed"),
        ("a: b: c\n", 1, "colon"),
        ("a: 1\n  b: 2\n", 2, "colon"),
        ("a: 1\nb\n", 2, "expected"),
        ("<<: x\n", 1, "merge"),
        ('a: "\\q"\n', 1, "escape"),
    ],
)
def test_refuses_with_the_line(text: str, line: int, words: str) -> None:
    with pytest.raises(UpliftError, match=f"admin.conf, line {line}: .*") as e:
        _yaml.load(text, "admin.conf")
    assert words in str(e.value) or "not take" in str(e.value)


def test_dates_and_sexagesimals_stay_strings() -> None:
    assert _yaml.load("a: 2026-01-02\nb: 12:30:45\n") == {"a": "2026-01-02", "b": "12:30:45"}
