# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shares as weights, weights in haproxy.cfg, and what a gate makes of counters: the pure parts of switch_traffic."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils import _traffic_gate
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError
from ansible_collections.uplift.kubeadm.plugins.module_utils._haproxy_config import with_weights
from ansible_collections.uplift.kubeadm.plugins.module_utils._traffic_shares import HEAVIEST, share_of, told, weights

COUNTS = st.integers(1, 60)


@given(share=st.integers(0, 100), blue=COUNTS, green=COUNTS)
def test_weights_give_the_share_or_are_refused(share: int, blue: int, green: int) -> None:
    try:
        of_blue, of_green = weights(share, blue, green)
    except UpliftError as error:
        assert "Take another step" in str(error)
        assert 0 < share < 100
        return
    assert min(of_blue, of_green) >= 0 and max(of_blue, of_green) <= HEAVIEST
    attained = share_of(of_blue * blue, of_green * green)
    assert attained is not None and abs(attained - share) < 0.5
    assert told([of_blue] * blue, [of_green] * green) == share  # what was asked for is read back
    assert (of_green == 0) is (share == 0) and (of_blue == 0) is (share == 100)


@given(share=st.integers(0, 100), servers=COUNTS)
def test_as_many_servers_on_either_side_have_percentages(share: int, servers: int) -> None:
    assert weights(share, servers, servers) == (100 - share, share)


@given(share=st.sampled_from([5, 10, 25, 50, 75, 90, 95]), blue=st.integers(1, 12), green=st.integers(1, 12))
def test_usual_steps_can_be_set_in_usual_clusters(share: int, blue: int, green: int) -> None:
    weights(share, blue, green)


def test_shares_that_nobody_asked_for_are_told_as_they_are() -> None:
    assert told([100, 50], [50]) == 25
    assert told([0], [0]) is None
    assert told([1], [256]) == 99  # blue still has some


CONFIG = """\
global
    stats socket /run/haproxy/admin.sock level admin  # weight 7
defaults
    server blue-1 1.1.1.1:1 weight 1
backend other
    server blue-1 10.0.0.1:80 weight 5
backend "web"   # the shop
    server\tblue-1  10.0.0.1:80  check   weight 100 inter 2s   # weight 100
    server "blue 2" 10.0.0.2:80 check # no weight
  server green\\-1 10.0.1.1:80 cookie weight check
    # server blue-1 10.0.0.9:80 weight 100
listen api
    server blue-1 10.0.0.1:81 weight 1 weight 2
"""


def test_only_weights_of_the_backends_change() -> None:
    wanted = {"web": {"blue-1": 90, "blue 2": 90, "green-1": 10}, "api": {"blue-1": 3}}
    after = with_weights(CONFIG, wanted, "haproxy.cfg")
    changed = [(old, new) for old, new in zip(CONFIG.splitlines(), after.splitlines()) if old != new]
    assert [new for _old, new in changed] == [
        "    server\tblue-1  10.0.0.1:80  check   weight 90 inter 2s   # weight 100",
        '    server "blue 2" 10.0.0.2:80 weight 90 check # no weight',
        "  server green\\-1 10.0.1.1:80 weight 10 cookie weight check",
        "    server blue-1 10.0.0.1:81 weight 3 weight 3",
    ]
    assert with_weights(after, wanted, "haproxy.cfg") == after


@given(st.text(alphabet="ab #\"\\'\n\tserverbackendweb1", max_size=200))
def test_any_text_stays_what_it_is(text: str) -> None:
    assert with_weights(text, {}, "haproxy.cfg") == text


def test_servers_without_a_line_are_named() -> None:
    with pytest.raises(UpliftError, match=r"haproxy.cfg has no «server» line for web/green-2, web/x"):
        with_weights(CONFIG, {"web": {"green-2": 1, "x": 1, "blue-1": 1}}, "haproxy.cfg")


def counters(blue: list[int], green: list[int]) -> dict[str, dict[str, list[int]]]:
    return {"blue": {"web/blue-1": blue}, "green": {"web/green-1": green}}


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=20))
def test_requests_are_counted_over_reloads(looks: list[tuple[int, bool]]) -> None:
    """However often counters begin anew, what came between two looks is counted once."""
    seen = _traffic_gate.begin(counters([7, 0], [1000, 10]))
    now, total = 1000, 0
    for more, reloaded in looks:
        # A reload is noticed when the counter is smaller than it was; as after any longer time without one.
        now = more if reloaded and more < now else now + more
        total += more
        _traffic_gate.count(seen, counters([7, 0], [now, 10 if now >= 1000 else 0]))
    assert seen["sums"]["green"][0] == total


@pytest.mark.parametrize(
    ("pair", "final", "well"),
    [
        ([0, 0], True, True),
        ([19, 19], False, True),  # too few yet
        ([19, 19], True, False),
        ([20, 1], False, False),
        ([100, 1], False, True),  # as much as is allowed
        ([100, 2], False, False),
    ],
)
def test_the_error_rate(pair: list[int], final: bool, well: bool) -> None:
    seen = _traffic_gate.begin(counters([0, 0], [0, 0]))
    _traffic_gate.count(seen, counters([5, 0], pair))
    assert (_traffic_gate.verdict(seen, "green", _traffic_gate.Limits(1, 20, 3), final) == []) is well
    assert _traffic_gate.verdict(seen, "blue", _traffic_gate.Limits(1, 20, 3), final) == []


ROLE = Path(__file__).resolve().parents[4] / "roles/switch_traffic"


def load(name: str) -> Any:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((ROLE / name).read_text())


def test_the_variables_of_the_role_are_told_alike_everywhere() -> None:
    options = load("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults = load("defaults/main.yml")
    # Two are read by the playbook, before the role and its defaults are there.
    told = {name: option["default"] for name, option in options.items()}
    assert told == {**defaults, "switch_traffic_group": "haproxy", "switch_traffic_become": True}
    readme = (ROLE / "README.md").read_text()
    assert [name for name in told if f"| `{name}` |" not in readme] == []


def test_facts_of_the_role_are_not_taken_for_misspelt_variables() -> None:
    """Without this list, a playbook that imports the switch twice would be refused the second time."""
    texts = [path.read_text() for path in ROLE.glob("tasks/*.yml")]
    registered = {name for text in texts for name in re.findall(r"register: (switch_traffic_\w+)", text)}
    kept = {
        name
        for text in texts
        for block in re.findall(r"set_fact:\n((?:(?:      |    ).*\n)+)", text)
        for name in re.findall(r"^\s+(switch_traffic_\w+):", block, re.MULTILINE)
    }
    assert registered | kept == set(load("vars/main.yml")["switch_traffic_internals"])
