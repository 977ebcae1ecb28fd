# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides and the READMEs name is there: links, variables and their values, plugins, make targets, files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    path for pattern in ("*.md", "docs/*.md", "roles/*/README.md", "tests/*/README.md") for path in ROOT.glob(pattern)
)
EXAMPLES = sorted([*ROOT.glob("docs/**/*.yml"), *ROOT.glob("playbooks/**/*.yml")])
ROLES = ("kubeadm_upgrade", "fleet", "replace_nodes", "switch_traffic")
# Wrong on purpose: what is said to be refused.
MISSPELT = {"kubeadm_upgrade_seriel", "kubeadm_upgrade_drain_delete_empty_dir_data", "fleet_thru"}
# What playbooks give to roles, and an example to itself.
OTHERS = {"fleet_answer", "kubeadm_upgrade_hop", "replace_nodes_now", "weights_url"}
VARIABLE = re.compile(r"(?<![\w./-])(?:kubeadm_upgrade|fleet|replace_nodes|switch_traffic)_[a-z]\w*(?![\w*]|\.yml|…)")
FOLDERS = ("changelogs", "docs", "molecule", "playbooks", "plugins", "roles", "tests")


def page(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code(text: str) -> Iterator[str]:
    """Spans and blocks of code of a page of Markdown."""
    prose: list[str] = []
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line
        else:
            prose.append(line)
    yield from re.findall(r"`([^`]+)`", "\n".join(prose))


def options() -> dict[str, dict[str, Any]]:
    """What users may set, of all roles and their entry points."""
    found: dict[str, dict[str, Any]] = {}
    for role in ROLES:
        specs = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text())["argument_specs"]
        for entry in specs.values():
            found.update(entry["options"])
    return found


def told_to_tasks_of_users() -> set[str]:
    """Names that a role gives to hooks, gates and switches, or keeps for itself: all that its own tasks name."""
    files = [path for role in ROLES for part in ("tasks", "vars") for path in ROOT.glob(f"roles/{role}/{part}/*.yml")]
    return {name for path in files for name in VARIABLE.findall(path.read_text())}


def plugins() -> set[str]:
    files = [*ROOT.glob("plugins/*/*.py"), *ROOT.glob("playbooks/*.yml"), *ROOT.glob("roles/*")]
    return {path.stem for path in files if not path.stem.startswith("_")}


OPTIONS = options()
KNOWN = set(OPTIONS) | told_to_tasks_of_users() | plugins() | MISSPELT | OTHERS
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def anchors(text: str) -> set[str]:
    """Of the headings of a page, as GitHub makes them."""
    found: set[str] = set()
    fenced = False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        heading = re.match(r"#+ (.+)", line)
        if heading and not fenced:
            name = re.sub(r"[^\w\- ]", "", heading[1].lower()).strip().replace(" ", "-")
            number = sum(one == name or re.fullmatch(rf"{re.escape(name)}-\d+", one) is not None for one in found)
            found.add(f"{name}-{number}" if name in found else name)
    return found


def broken_links(text: str, path: Path) -> list[str]:
    """Links to files or headings that are not there."""
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        file, _hash, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        wrong_anchor = anchor and (target.suffix != ".md" or anchor not in anchors(target.read_text()))
        if not target.exists() or wrong_anchor:
            found.append(link)
    return found


def unknown_variables(text: str) -> set[str]:
    """Names with a prefix of a role that nobody reads, and others that -e is said to take."""
    given = re.findall(r"-e [\"']?\{?[\"']?([a-z]\w*)[\"']?[=:]", text)
    return ({*VARIABLE.findall(text)} - KNOWN) | ({*given} - KNOWN)


def wrong_values(text: str) -> list[str]:
    """Values that are not among the choices of their variable."""
    return [
        f"{name}: {value}"
        for name, value in re.findall(r"\b([a-z]\w+)(?:=|: )[\"']?([\w%.-]+)", text)
        if OPTIONS.get(name, {}).get("choices") and value not in OPTIONS[name]["choices"]
    ]


def unknown_plugins(text: str) -> set[str]:
    return set(re.findall(r"\buplift\.kubeadm\.([a-z]\w*)", text)) - plugins()


def unknown_targets(text: str) -> set[str]:
    """Of make. `make molecule-*` stands for all that begin so."""
    names = {name for piece in code(text) for name in re.findall(r"(?:^|[\s(])make ([a-z][a-z-]*\*?)", piece)}
    return {name for name in names if not any(re.fullmatch(name.replace("*", ".*"), target) for target in TARGETS)}


def unknown_files(text: str, path: Path) -> set[str]:
    """Paths from the root of the project, or from the page's own folder, at which nothing lies."""
    names = {
        name
        for piece in code(text)
        for name in re.findall(rf"(?:^|(?<=[\s(]))(?:{'|'.join(FOLDERS)})/[^\s,;:)]*", piece)
    }
    return {
        name
        for name in names
        if not re.search(r"[<{…]", name)
        and not [*ROOT.glob(name.rstrip("/."))]
        and not [*path.parent.glob(name.rstrip("/."))]
    }


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_a_page_names_what_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert broken_links(text, path) == []
    assert unknown_variables(text) == set()
    assert wrong_values(text) == []
    assert unknown_plugins(text) == set()
    assert unknown_targets(text) == set()
    assert unknown_files(text, path) == set()


@pytest.mark.parametrize("path", EXAMPLES, ids=page)
def test_an_example_names_what_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert unknown_variables(text) == set()
    assert unknown_plugins(text) == set()


def test_every_guide_is_in_the_table_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [path.name for path in ROOT.glob("docs/*.md") if f"](docs/{path.name})" not in readme] == []


def test_every_hook_is_in_the_table_of_its_guide() -> None:
    told = set(re.findall(r"^\| `(\w+)` \| ", (ROOT / "docs/hooks.md").read_text(), re.MULTILINE))
    assert {name for name in OPTIONS if name.removeprefix("kubeadm_upgrade_hook_") in told} == {
        name for name in OPTIONS if name.startswith("kubeadm_upgrade_hook_")
    }


def test_the_guide_says_what_lies_in_the_folder_on_the_nodes() -> None:
    """Its backups too: the guide once said that the folder can be removed."""
    plugins = "\n".join(path.read_text() for path in (ROOT / "plugins").glob("module*/*.py"))
    tasks = "\n".join(path.read_text() for path in ROOT.glob("roles/kubeadm_upgrade/*/*.yml"))
    found = {
        *re.findall(r"(?:\bstate|\bSTATE) / \"([\w.-]+)\"", plugins),
        *re.findall(r"^RECORD = \"([\w.-]+)\"", plugins, re.MULTILINE),
        *re.findall(r"\bkubeadm_upgrade_directory(?: ~ '| \}\})/([\w-]+(?:\.\w+)?)", tasks),
        *re.findall(r"/var/lib/uplift-kubeadm/([\w-]+)$", tasks, re.MULTILINE),
    }
    assert {"backup", "cluster.json", "etcdutl", "kept", "kubeadm.json", "log", "member.json", "release"} <= found
    _before, _heading, section = (ROOT / "docs/upgrade.md").read_text().partition("\n## What stays on the nodes\n")
    rows = re.findall(r"^\| (`.+?) \| .+ \| (.+) \|$", section.partition("\n## ")[0], re.MULTILINE)
    answers = {name: answer for names, answer in rows for name in re.findall(r"`([^`]+)`", names)}
    assert found - set(answers) == set()
    assert "way back" in answers["backup"]


def test_what_is_not_there_is_found() -> None:
    here = ROOT / "docs/upgrade.md"
    assert broken_links("[a](nowhere.md) [b](waves.md#no-such) [c](https://x.example/#y) [d](waves.md)", here) == [
        "nowhere.md", "waves.md#no-such",
    ]  # fmt: skip
    assert unknown_variables("`kubeadm_upgrade_deadlin`, `kubeadm_upgrade_*`, `fleet_soak`; -e traget=1.26") == {
        "kubeadm_upgrade_deadlin", "traget",
    }  # fmt: skip
    assert unknown_variables("""-e '{"switch_traffic_step": [10]}' -e '{"fleet_approve": ["prod"]}'""") == {
        "fleet_approve"
    }
    assert wrong_values("kubeadm_upgrade_scope=worker kubeadm_upgrade_scope: all") == ["kubeadm_upgrade_scope: worker"]
    assert unknown_plugins("uplift.kubeadm.upgrad, uplift.kubeadm.upgrade") == {"upgrad"}
    assert unknown_targets("make sure; `make fats`, `make molecule-*`\n\n    make tset") == {"fats", "tset"}
    assert unknown_files("`tests/nowhere` and tests/prose, `docs/awx.md`, `roles/*/README.md`", here) == {
        "tests/nowhere"
    }
