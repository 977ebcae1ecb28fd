# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data in docs/awx: AWX takes it, and it says the same as the role."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

from awx import data, survey

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles/kubeadm_upgrade"
OPTIONS: dict[str, dict[str, Any]] = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"][
    "plan"
]["options"]
# The playbook `stop` takes two variables of its own, which are no settings of an upgrade.
OF_STOP = {
    "kubeadm_upgrade_stop": {"type": "bool", "default": True},
    "kubeadm_upgrade_stop_reason": {"type": "str", "default": ""},
}
KNOWN = {**OPTIONS, **OF_STOP}
# A question's type for a type of Ansible's. A list is asked for as text with commas, which is how Ansible reads one.
ASKED_AS = {
    "str": {"text", "textarea", "multiplechoice"}, "path": {"text"}, "bool": {"multiplechoice"}, "int": {"integer"},
    "raw": {"text"}, "list": {"text", "textarea"},
}  # fmt: skip
# What infra.aap_configuration reads of a job template, a workflow, and a node: the tables in the READMEs of its roles
# controller_job_templates and controller_workflow_job_templates.
OF_TEMPLATE = set(
    """name new_name copy_from description execution_environment job_type inventory organization project playbook
    credentials forks limit verbosity extra_vars job_tags force_handlers skip_tags start_at_task diff_mode
    use_fact_cache host_config_key ask_scm_branch_on_launch ask_diff_mode_on_launch ask_variables_on_launch
    ask_limit_on_launch ask_tags_on_launch ask_skip_tags_on_launch ask_job_type_on_launch ask_verbosity_on_launch
    ask_inventory_on_launch ask_credential_on_launch ask_execution_environment_on_launch ask_forks_on_launch
    ask_instance_groups_on_launch ask_job_slice_count_on_launch ask_labels_on_launch ask_timeout_on_launch
    prevent_instance_group_fallback survey_enabled survey_spec survey become_enabled allow_simultaneous timeout
    instance_groups job_slice_count webhook_service webhook_credential scm_branch labels custom_virtualenv
    notification_templates_started notification_templates_success notification_templates_error state""".split()
)
OF_WORKFLOW = set(
    """name new_name copy_from description organization ask_inventory_on_launch ask_limit_on_launch
    ask_scm_branch_on_launch ask_variables_on_launch extra_vars allow_simultaneous inventory limit labels
    ask_labels_on_launch job_tags skip_tags ask_tags_on_launch ask_skip_tags_on_launch
    notification_templates_approvals notification_templates_error notification_templates_started
    notification_templates_success scm_branch state workflow_nodes simplified_workflow_nodes destroy_current_nodes
    survey_enabled survey_spec survey webhook_service webhook_credential""".split()
)
OF_NODE = set(
    """identifier unified_job_template lookup_organization approval_node all_parents_must_converge always_nodes
    failure_nodes success_nodes credentials inventory limit extra_data verbosity forks timeout
    execution_environment labels instance_groups job_slice_count diff_mode job_tags skip_tags job_type scm_branch
    state""".split()
)
TEMPLATES = data.templates()
WORKFLOW = data.workflow()
NODES = {node["identifier"]: node for node in WORKFLOW["simplified_workflow_nodes"]}
SURVEYS = {
    **{verb: template["survey_spec"] for verb, template in TEMPLATES.items()},
    "workflow": WORKFLOW["survey_spec"],
}
QUESTIONS = [(name, question) for name, asked in SURVEYS.items() for question in asked["spec"]]


def each_question() -> Any:
    return pytest.mark.parametrize(
        "question", [q for name, q in QUESTIONS], ids=[f"{name}-{q['variable']}" for name, q in QUESTIONS]
    )


@pytest.mark.parametrize("name", SURVEYS)
def test_awx_takes_the_survey(name: str) -> None:
    assert survey.objections(SURVEYS[name]) == []


@each_question()
def test_a_question_says_the_same_as_the_role(question: dict[str, Any]) -> None:
    option = KNOWN[fed(question["variable"])]
    assert question["type"] in ASKED_AS[option["type"]]
    if option.get("choices"):
        assert question["choices"] == option["choices"]
    elif option["type"] == "bool":
        assert sorted(question["choices"]) == ["false", "true"]
    if question["variable"] != "target":
        assert as_answered(option["default"], question["type"]) == question["default"]


def fed(variable: str) -> str:
    """The setting that a question is for: itself, or the one that every template that asks it makes of its answer."""
    if variable in KNOWN:
        return variable
    asking = [
        t for t in TEMPLATES.values() if variable in {question["variable"] for question in t["survey_spec"]["spec"]}
    ]
    settings = [[name for name, text in t["extra_vars"].items() if f"{{{{ {variable} |" in text] for t in asking]
    assert settings and all(found == settings[0] and len(found) == 1 for found in settings)
    return settings[0][0]


def as_answered(default: Any, kind: str) -> Any:
    """A default of the role, as a survey has it."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list):
        return ",".join(default)
    return default if kind == "integer" else str(default)


@each_question()
def test_a_question_is_for_people(question: dict[str, Any]) -> None:
    assert question["question_name"] and question["question_description"].endswith(".")
    assert "kubeadm_upgrade" not in question["question_name"] + question["question_description"]
    assert question["required"] is (question["default"] != "" if "default" in question else True)


@pytest.mark.parametrize("variable", sorted({question["variable"] for name, question in QUESTIONS}))
def test_a_question_is_the_same_wherever_it_is_asked(variable: str) -> None:
    first, *others = [question for name, question in QUESTIONS if question["variable"] == variable]
    assert all(question == first for question in others)


@pytest.mark.parametrize("verb", TEMPLATES)
def test_a_template_is_complete_and_safe(verb: str) -> None:
    template = TEMPLATES[verb]
    assert template.keys() <= OF_TEMPLATE
    assert template["name"] == f"Kubernetes upgrade: {verb}"
    assert template["description"].endswith(".")
    assert template["extra_vars"].keys() <= OPTIONS.keys()
    assert template["job_slice_count"] == 1
    for asked in ("variables", "tags", "skip_tags", "job_type", "job_slice_count"):
        assert template[f"ask_{asked}_on_launch"] is False
    assert template["ask_inventory_on_launch"]
    assert template["allow_simultaneous"] is (verb == "stop")
    assert not (verb in ("upgrade", "restore") and template["timeout"] >= 0)


@pytest.mark.parametrize("verb", TEMPLATES)
def test_the_playbook_of_a_template_is_in_the_project_and_runs_one_of_ours(verb: str) -> None:
    plays = yaml.safe_load((data.PROJECT / TEMPLATES[verb]["playbook"]).read_text())
    imported = plays[0]["ansible.builtin.import_playbook"]
    assert (ROOT / f"playbooks/{imported.removeprefix('uplift.kubeadm.')}.yml").is_file()


def test_every_playbook_of_the_project_has_a_template() -> None:
    assert sorted(path.name for path in data.PROJECT.glob("*.yml")) == sorted(t["playbook"] for t in TEMPLATES.values())


def test_what_templates_lean_on_is_described() -> None:
    access = data.load("access")
    names = {kind: {entry["name"] for entry in entries} for kind, entries in access.items()}
    for template in TEMPLATES.values():
        assert template["project"] in names["controller_projects"]
        assert template["execution_environment"] in names["controller_execution_environments"]
        assert set(template["credentials"]) <= names["controller_credentials"]


def test_the_workflow_asks_for_a_person_before_anything_is_changed() -> None:
    assert WORKFLOW.keys() <= OF_WORKFLOW
    order = walk("plan")
    assert order == ["plan", "approval", "backup", "upgrade", "verify"] == list(NODES)
    assert NODES["approval"]["approval_node"].keys() == {"name", "description", "timeout"}


def walk(name: str) -> list[str]:
    """The one way through the workflow when all goes well."""
    following = NODES[name].get("success_nodes", [])
    assert len(following) <= 1
    return [name, *(walk(following[0]) if following else [])]


@pytest.mark.parametrize("identifier", NODES)
def test_a_node_of_the_workflow(identifier: str) -> None:
    node = NODES[identifier]
    assert node.keys() <= OF_NODE
    assert ("approval_node" in node) is not ("unified_job_template" in node)
    if "unified_job_template" in node:
        assert node["unified_job_template"] in {template["name"] for template in TEMPLATES.values()}
        # On a failure nothing more is done.
        assert "failure_nodes" not in node and "always_nodes" not in node


def test_the_workflow_asks_what_its_nodes_need() -> None:
    """Nodes get the answers, and the defaults of their own surveys. What has no default must be asked."""
    asked = {question["variable"] for question in WORKFLOW["survey_spec"]["spec"]}
    for node in NODES.values():
        for template in TEMPLATES.values():
            if template["name"] == node.get("unified_job_template"):
                assert {q["variable"] for q in template["survey_spec"]["spec"] if "default" not in q} <= asked
                assert template["ask_inventory_on_launch"] and WORKFLOW["ask_inventory_on_launch"]


def test_the_credential_type() -> None:
    """Shapes from AWX's CredentialTypeInputField and CredentialTypeInjectorField, awx/main/fields.py."""
    kind = data.credential_type()
    fields = {entry["id"]: entry for entry in kind["inputs"]["fields"]}
    assert kind["kind"] in ("cloud", "net")
    assert fields["kubeconfig"]["secret"] is True
    assert set(kind["inputs"]["required"]) <= fields.keys()
    assert kind["injectors"].keys() <= {"file", "env", "extra_vars"}
    assert all(re.fullmatch(r"template(\.[a-zA-Z_]+[a-zA-Z0-9_]*)?", label) for label in kind["injectors"]["file"])
    assert kind["injectors"]["extra_vars"].keys() <= OPTIONS.keys()


def test_the_variables_of_stop_are_those_that_its_tasks_use() -> None:
    tasks = (ROLE / "tasks/stop.yml").read_text()
    assert set(re.findall(r"kubeadm_upgrade_stop(?:_reason)?\b", tasks)) == OF_STOP.keys()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"type": "boolean"}, "there is no type boolean"),
        ({"default": "2"}, "the default '2' is no integer"),
        ({"default": 7}, "'n' is too large"),
        ({"min": "1"}, "min is no integer"),
        ({"required": "yes"}, "required is missing or of another type"),
        ({"mandatory": True}, "mandatory is unknown"),
        ({"type": "multiplechoice", "choices": ["a"], "default": "b"}, "a default is not among the choices"),
    ],
)
def test_awx_objects(broken: dict[str, Any], said: str) -> None:
    question = {
        "variable": "n",
        "question_name": "N",
        "type": "integer",
        "required": True,
        "min": 1,
        "max": 5,
        **broken,
    }
    assert any(said in text for text in survey.objections({"name": "", "description": "", "spec": [question]}))


def test_answers_of_a_wrong_type_are_refused_at_launch() -> None:
    with pytest.raises(ValueError, match="is no text"):
        survey.launch(TEMPLATES["upgrade"], {"target": 1.3})
    with pytest.raises(ValueError, match="not allowed on launch"):
        survey.launch(TEMPLATES["stop"], {"kubeadm_upgrade_stop": "true", "kubeadm_upgrade_hook_drained": "/x"})
