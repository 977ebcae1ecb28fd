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

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from awx import data, survey

from ansible_collections.uplift.kubeadm.plugins.module_utils import _fleet

ROOT = Path(__file__).resolve().parents[3]


def options(role: str, entry: str) -> dict[str, dict[str, Any]]:
    specs = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text())["argument_specs"]
    return dict(specs[entry]["options"])


# By template: what the playbook that it runs takes. `verify` is a plan.
OPTIONS = {
    **{verb: options("kubeadm_upgrade", "plan") for verb in ("plan", "upgrade", "verify")},
    **{verb: options("kubeadm_upgrade", verb) for verb in ("backup", "restore", "stop")},
    **{verb: options("fleet", "main") for verb in ("fleet plan", "fleet upgrade")},
}
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
# Of an inventory: the table of the role controller_inventories.
OF_INVENTORY = set(
    """name new_name copy_from description organization instance_groups input_inventories variables kind host_filter
    prevent_instance_group_fallback state""".split()
)
TEMPLATES = data.templates()
WORKFLOWS = data.workflows()
# By name of the workflow and of the node; and the template that a node runs, where it is no approval.
NODES = {
    (name, node["identifier"]): node
    for name, workflow in WORKFLOWS.items()
    for node in workflow["simplified_workflow_nodes"]
}
RUNS = {
    key: next(verb for verb, template in TEMPLATES.items() if template["name"] == node["unified_job_template"])
    for key, node in NODES.items()
    if "unified_job_template" in node
}
SURVEYS = {
    **{verb: template["survey_spec"] for verb, template in TEMPLATES.items()},
    **{name: workflow["survey_spec"] for name, workflow in WORKFLOWS.items()},
}
QUESTIONS = [(name, question) for name, asked in SURVEYS.items() for question in asked["spec"]]


def each_question() -> Any:
    return pytest.mark.parametrize(
        "question", [q for name, q in QUESTIONS], ids=[f"{name}-{q['variable']}" for name, q in QUESTIONS]
    )


@pytest.mark.parametrize("name", SURVEYS)
def test_awx_takes_the_survey(name: str) -> None:
    assert survey.objections(SURVEYS[name]) == []


def each_question_of_a_template() -> Any:
    pairs = [(verb, question) for verb in TEMPLATES for question in SURVEYS[verb]["spec"]]
    return pytest.mark.parametrize(("verb", "question"), pairs, ids=[f"{verb}-{q['variable']}" for verb, q in pairs])


@each_question_of_a_template()
def test_a_question_says_the_same_as_the_role(verb: str, question: dict[str, Any]) -> None:
    option = OPTIONS[verb][fed(verb, question["variable"])]
    assert question["type"] in ASKED_AS[option["type"]]
    if option.get("choices"):
        assert question["choices"] == option["choices"]
    elif option["type"] == "bool":
        assert sorted(question["choices"]) == ["false", "true"]
    if question["variable"] != "target":
        assert as_answered(option["default"], question["type"]) == question["default"]


def fed(verb: str, variable: str) -> str:
    """The setting of the template that a question is for: itself, or the one that is made of its answer."""
    if variable in OPTIONS[verb]:
        return variable
    (setting,) = [name for name, text in TEMPLATES[verb]["extra_vars"].items() if f"{{{{ {variable} |" in text]
    return setting


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
    assert template["description"].endswith(".")
    assert template["extra_vars"].keys() <= OPTIONS[verb].keys()
    assert template["job_slice_count"] == 1
    assert template["job_type"] == ("check" if verb == "fleet plan" else "run")
    for asked in ("variables", "tags", "skip_tags", "job_type", "job_slice_count"):
        assert template[f"ask_{asked}_on_launch"] is False
    assert template["ask_inventory_on_launch"]
    assert template["allow_simultaneous"] is (verb == "stop")
    assert (template["timeout"] < 0) is (verb in ("upgrade", "restore", "fleet upgrade"))


@pytest.mark.parametrize("verb", TEMPLATES)
def test_the_playbook_of_a_template_is_in_the_project_and_runs_one_of_ours(verb: str) -> None:
    plays = yaml.safe_load((data.PROJECT / TEMPLATES[verb]["playbook"]).read_text())
    imported = plays[0]["ansible.builtin.import_playbook"]
    assert (ROOT / f"playbooks/{imported.removeprefix('uplift.kubeadm.')}.yml").is_file()


def test_every_playbook_of_the_project_has_a_template() -> None:
    run = {template["playbook"] for template in TEMPLATES.values()}
    assert {path.name for path in data.PROJECT.glob("*.yml")} == run


def test_what_templates_lean_on_is_described() -> None:
    access = data.load("access")
    names = {kind: {entry["name"] for entry in entries} for kind, entries in access.items()}
    for template in TEMPLATES.values():
        assert template["project"] in names["controller_projects"]
        assert template["execution_environment"] in names["controller_execution_environments"]
        assert set(template["credentials"]) <= names["controller_credentials"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_asks_for_a_person_before_anything_is_changed(name: str) -> None:
    assert WORKFLOWS[name].keys() <= OF_WORKFLOW
    assert walk(name, "plan") == [identifier for workflow, identifier in NODES if workflow == name]
    kinds = [RUNS.get((name, identifier), "approval") for identifier in walk(name, "plan")]
    expected = {
        "Kubernetes upgrade": ["plan", "approval", "backup", "upgrade", "verify"],
        "Kubernetes fleet": ["fleet plan", *["approval", "fleet upgrade"] * len(waves())],
    }
    assert kinds == expected[name]


def walk(workflow: str, identifier: str) -> list[str]:
    """The one way through the workflow when all goes well."""
    following = NODES[workflow, identifier].get("success_nodes", [])
    assert len(following) <= 1
    return [identifier, *(walk(workflow, following[0]) if following else [])]


def waves() -> list[dict[str, Any]]:
    """Of the inventory of the fleet, as the role reads them. Raises UpliftError where it would."""
    return _fleet.read_waves(data.fleet_inventory()["variables"]["fleet_waves"], 1, "10m")


@pytest.mark.parametrize("key", NODES, ids="-".join)
def test_a_node_of_a_workflow(key: tuple[str, str]) -> None:
    node = NODES[key]
    assert node.keys() <= OF_NODE
    assert ("approval_node" in node) is not (key in RUNS)
    # On a failure, or a no, nothing more is done.
    assert "failure_nodes" not in node and "always_nodes" not in node
    if "approval_node" in node:
        assert node["approval_node"].keys() == {"name", "description", "timeout"}


@pytest.mark.parametrize("key", RUNS, ids="-".join)
def test_a_node_has_the_answers_that_it_needs(key: tuple[str, str]) -> None:
    """Answers, data of its own, and the defaults of its template's survey. What has no default must be asked."""
    workflow, template, own = WORKFLOWS[key[0]], TEMPLATES[RUNS[key]], NODES[key].get("extra_data", {})
    asked = {question["variable"] for question in workflow["survey_spec"]["spec"]}
    questions = template["survey_spec"]["spec"]
    assert {question["variable"] for question in questions if "default" not in question} <= asked
    assert template["ask_inventory_on_launch"] and workflow["ask_inventory_on_launch"] is ("inventory" not in workflow)
    if own:  # AWX drops data that the template does not ask for, and an answer of the workflow wins over it
        assert not own.keys() & asked
        assert survey.launch(template, {"target": "v1.30", **own})["target"] == "v1.30"


def test_every_wave_of_the_fleet_has_an_approval_and_a_job_for_it_alone() -> None:
    """A job does the waves up to its own. As all wait for a yes, it is refused where an earlier one is not done."""
    inventory = data.fleet_inventory()
    assert inventory.keys() <= OF_INVENTORY
    assert inventory["variables"].keys() <= OPTIONS["fleet upgrade"].keys()
    assert inventory["name"] == WORKFLOWS["Kubernetes fleet"]["inventory"]
    names = [wave["name"] for wave in waves()]
    assert all(wave["approval"] and wave["soak"] for wave in waves())
    order = walk("Kubernetes fleet", "plan")
    jobs = [NODES["Kubernetes fleet", identifier] for identifier in order if identifier in names]
    assert [job["identifier"] for job in jobs] == names
    assert [job["extra_data"] for job in jobs] == [{"fleet_through": name, "approved_waves": name} for name in names]
    for name in names:
        before = NODES["Kubernetes fleet", order[order.index(name) - 1]]
        assert before["approval_node"]["name"] == f"Kubernetes fleet: begin {name}?"


@pytest.mark.parametrize(
    ("answer", "approved"),
    [("", []), ("dev", ["dev"]), ("dev\nprod eu\n", ["dev", "prod eu"]), ("dev, stage", ["dev", "stage"]), (2, ["2"])],
)
def test_approved_waves_are_read_line_by_line(answer: object, approved: list[str]) -> None:
    """As Ansible would: what was answered is what YAML reads of it."""
    made = TEMPLATES["fleet upgrade"]["extra_vars"]["fleet_approved"]
    assert templated(made, approved_waves=answer) == approved


def templated(text: str, **variables: object) -> object:
    return Templar(DataLoader(), variables=variables).template(trust_as_template(text))


def test_the_credential_type() -> None:
    """Shapes from AWX's CredentialTypeInputField and CredentialTypeInjectorField, awx/main/fields.py."""
    kind = data.credential_type()
    fields = {entry["id"]: entry for entry in kind["inputs"]["fields"]}
    assert kind["kind"] in ("cloud", "net")
    assert fields["kubeconfig"]["secret"] is True
    assert set(kind["inputs"]["required"]) <= fields.keys()
    assert kind["injectors"].keys() <= {"file", "env", "extra_vars"}
    assert all(re.fullmatch(r"template(\.[a-zA-Z_]+[a-zA-Z0-9_]*)?", label) for label in kind["injectors"]["file"])
    assert kind["injectors"]["extra_vars"].keys() <= OPTIONS["plan"].keys()


def test_the_variables_of_stop_are_those_that_its_tasks_use() -> None:
    tasks = (ROOT / "roles/kubeadm_upgrade/tasks/stop.yml").read_text()
    own = OPTIONS["stop"].keys() - OPTIONS["plan"].keys()
    assert set(re.findall(r"kubeadm_upgrade_stop(?:_reason)?\b", tasks)) == own


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
