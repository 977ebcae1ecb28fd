# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils import _manifests
from ansible_collections.uplift.kubeadm.plugins.modules import manifest_scan
from ansible_collections.uplift.kubeadm.tests.unit.plugins.run_module import Run, run_module

CRONJOB = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata:\n  name: nightly\n  namespace: shop\n"
TEMPLATE = """\
{{- if .Capabilities.APIVersions.Has "policy/v1" }}
apiVersion: policy/v1
{{- else }}
apiVersion: policy/v1beta1
{{- end }}
kind: PodDisruptionBudget
metadata:
  name: {{ include "web.fullname" . }}
---
{{- range .Values.jobs }}
kind: CronJob   # comment
apiVersion: "batch/v1beta1"
metadata:
  name: fixed
spec:
  template:
    kind: Pod
{{- end }}
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    return run_module(manifest_scan.main, capsys, {"paths": [str(tmp_path)]})


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def found(result: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [(Path(obj["file"]).name, obj["line"], obj["kind"]) for obj in result["objects"]]


@pytest.mark.parametrize("check_mode", [True, False])
def test_manifests_of_removed_apis(run: Run, tmp_path: Path, check_mode: bool) -> None:
    write(tmp_path / "a/cron.yaml", f"---\n# comment\n{CRONJOB}---\napiVersion: v1\nkind: Service\n")
    write(tmp_path / "b.yml", CRONJOB.replace("batch/v1beta1", "batch/v1"))
    write(tmp_path / "notes.txt", CRONJOB)
    result = run(check_mode)
    (obj,) = result["objects"]
    assert obj == {
        "file": str(tmp_path / "a/cron.yaml"),
        "line": 3,
        "apiVersion": "batch/v1beta1",
        "kind": "CronJob",
        "name": "nightly",
        "namespace": "shop",
    }
    assert (result["changed"], result["unread"], result["files"], result["others"]) == (False, [], 2, 0)


def test_json_and_lists(run: Run, tmp_path: Path) -> None:
    write(
        tmp_path / "list.json",
        '{"apiVersion": "v1", "kind": "List", "items": [\n'
        '{"kind": "PodDisruptionBudget", "apiVersion": "policy/v1beta1", "metadata": {"name": "x"}}, 7,\n'
        '{"apiVersion": "batch/v1beta1", "kind": "CronJobList", "items": [\n'
        '{"apiVersion": "batch/v1beta1", "kind": "CronJob"}]}]}',
    )
    assert found(run()) == [("list.json", 2, "PodDisruptionBudget"), ("list.json", 4, "CronJob")]


def test_only_between_minors(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", CRONJOB)
    write(tmp_path / "b.yaml", "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: web}\n")
    write(tmp_path / "c.yaml", "apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\n")
    assert [kind for _file, _line, kind in found(run())] == ["CronJob", "Ingress", "HorizontalPodAutoscaler"]
    assert [kind for _file, _line, kind in found(run(after="1.24", up_to="1.25"))] == ["CronJob"]


def test_what_is_no_manifest_is_passed_over_and_counted(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "values.yaml", "replicas: 3\n")
    write(tmp_path / "list.yaml", "- a\n- b\n")
    write(tmp_path / "text.yaml", "only words\n")
    write(tmp_path / "empty.yaml", "# nothing\n---\n")
    write(tmp_path / "tags.yaml", "a: !vault |\n  secret\nb: !!python/object/apply:os.system [exit 1]\n")
    write(tmp_path / "odd.yaml", "apiVersion: [batch/v1beta1]\nkind: {a: b}\n")
    result = run()
    assert (result["objects"], result["unread"], result["others"]) == ([], [], 5)


@pytest.mark.parametrize(
    "data",
    [b"a: b: c\n", b"\xff\xfe\xff", b"a: \x00", b"kind: [" * 3000, b"a: &x [*y]\n"],
    ids=["no YAML", "no UTF-8", "NUL", "deep", "no anchor"],
)
def test_what_cannot_be_read_is_listed_and_the_others_are_read(run: Run, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.yaml").write_bytes(data)
    write(tmp_path / "b.yaml", CRONJOB)
    result = run()
    assert [Path(gap["file"]).name for gap in result["unread"]] == ["a.yaml"]
    assert result["unread"][0]["why"] and "\n" not in result["unread"][0]["why"]
    assert found(result) == [("b.yaml", 1, "CronJob")]


def test_a_list_that_holds_itself_ends(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "&x\napiVersion: v1\nkind: List\nitems: [*x, *x]\n")
    assert run()["objects"] == []


def test_charts_are_guessed_line_by_line(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n")
    write(tmp_path / "web/values.yaml", "image: web\n")
    write(tmp_path / "web/templates/all.yaml", TEMPLATE)
    write(
        tmp_path / "web/templates/_helpers.tpl", '{{ define "x" }}\napiVersion: batch/v1beta1\nkind: CronJob\n{{ end }}'
    )
    result = run()
    assert found(result) == [
        ("_helpers.tpl", 2, "CronJob"),
        ("all.yaml", 4, "PodDisruptionBudget"),
        ("all.yaml", 12, "CronJob"),
    ]
    assert all(obj["guess"] for obj in result["objects"])
    assert [obj["name"] for obj in result["objects"]] == ["", "", "fixed"]
    assert result["unread"] == []


def test_braces_in_a_manifest_are_no_template(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "alert.yaml", CRONJOB + "  annotations:\n    text: 'at {{ $value }}'\n")
    (obj,) = run()["objects"]
    assert "guess" not in obj


def test_a_template_outside_of_a_chart(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "cron.yaml", CRONJOB + "{% raw %}\nx: {{ y }}\n  - {{ z }}\n")
    (obj,) = run()["objects"]
    assert obj["guess"] is True and obj["name"] == "nightly"


def test_a_file_is_read_once(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", CRONJOB)
    (tmp_path / "link.yaml").symlink_to(tmp_path / "a.yaml")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    write(tmp_path / ".git/b.yaml", CRONJOB)
    assert len(run(paths=[str(tmp_path), str(tmp_path / "a.yaml")])["objects"]) == 1


def test_a_link_to_nowhere_is_listed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    assert [Path(gap["file"]).name for gap in run()["unread"]] == ["gone.yaml"]


def test_a_path_that_is_not_there_is_refused(run: Run, tmp_path: Path) -> None:
    assert f"{tmp_path / 'nowhere'}" in run(paths=[str(tmp_path / "nowhere")], failed=True)["msg"]


def test_a_file_too_large(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_manifests, "MOST_BYTES", 10)
    write(tmp_path / "a.yaml", CRONJOB)
    assert "larger than" in run()["unread"][0]["why"]


def test_without_pyyaml(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_manifests, "HAS_YAML", False)
    assert "delegate the task to localhost" in run(failed=True)["msg"]
