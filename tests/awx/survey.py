# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX's rules for surveys: what a survey may be, which answers it takes, and what becomes of them.

Sources, in the repository ansible/awx: `JobTemplateSurveySpec._validate_spec_data` in awx/api/views/__init__.py for the
survey itself; `SurveyJobTemplateMixin` in awx/main/models/mixins.py (`_survey_element_validation`,
`_accept_or_ignore_variables`, `_update_unified_job_kwargs`) for answers and defaults.
"""

from __future__ import annotations

from typing import Any

Question = dict[str, Any]

_TYPES: dict[str, type] = {
    "text": str, "textarea": str, "password": str, "multiplechoice": str, "multiselect": str, "integer": int,
    "float": float,
}  # fmt: skip
_NEEDED = {"type": str, "question_name": str, "variable": str, "required": bool}
# AWX keeps unknown keys in silence, so a misspelt one would be without effect. These are those that it looks at.
_KNOWN = {*_NEEDED, "question_description", "default", "min", "max", "choices", "new_question"}


def objections(survey: dict[str, Any]) -> list[str]:
    """What AWX would refuse a survey for, and keys that it would not look at."""
    found = [
        f"{key} is missing or of another type"
        for key, kind in (("name", str), ("description", str), ("spec", list))
        if not isinstance(survey.get(key), kind)
    ]
    found += [f"{key} is unknown" for key in survey.keys() - {"name", "description", "spec"}]
    questions = survey.get("spec") or []
    variables = [question.get("variable") for question in questions]
    found += [f"{name} is asked twice" for name in {name for name in variables if variables.count(name) > 1}]
    if not questions:
        found.append("it has no question")
    return found + [f"{question.get('variable')}: {text}" for question in questions for text in _of_question(question)]


def _of_question(question: Question) -> list[str]:
    found = [
        f"{key} is missing or of another type"
        for key, kind in _NEEDED.items()
        if not isinstance(question.get(key), kind)
    ]
    found += [f"{key} is unknown" for key in question.keys() - _KNOWN]
    kind = question.get("type", "")
    if kind not in _TYPES:
        return [*found, f"there is no type {kind}"]
    default = question.get("default", "")
    if default != "" and not _is(default, _TYPES[kind]):
        found.append(f"the default {default!r} is no {kind}")
    found += [
        f"{key} is no integer"
        for key in ("min", "max")
        if question.get(key) is not None and not _is(question[key], int)
    ]
    if kind in ("multiplechoice", "multiselect"):
        choices = _choices(question)
        chosen = default.splitlines() if isinstance(default, str) else []
        if not choices:
            found.append("it has no choices")
        if any(not isinstance(choice, str) for choice in choices):
            found.append("a choice is no text")
        if kind == "multiplechoice" and len(chosen) > 1:
            found.append("it has more than one default")
        if any(choice not in choices for choice in chosen):
            found.append("a default is not among the choices")
    # AWX leaves a default that its own rules do not allow out in silence.
    return found + (
        _of_answer(question, {question["variable"]: default})
        if "default" in question and "variable" in question
        else []
    )


def launch(template: dict[str, Any], answers: dict[str, Any], workflow: bool = False) -> dict[str, Any]:
    """The extra variables of a job: the template's, the survey's defaults, the answers; each wins over those before.

    A workflow hands each of its nodes all that it was asked, and nothing is looked at once more (`get_job_kwargs` in
    awx/main/models/workflow.py). Raises ValueError with what AWX would say to a person.
    """
    questions: list[Question] = template["survey_spec"]["spec"] if template["survey_enabled"] else []
    defaults = {question["variable"]: question["default"] for question in questions if "default" in question}
    found = [text for question in questions for text in _of_answer(question, answers)]
    stray = answers.keys() - {question["variable"] for question in questions}
    if stray and not template["ask_variables_on_launch"]:
        found.append(f"Variables {', '.join(sorted(stray))} are not allowed on launch.")
    if found and not workflow:
        raise ValueError("; ".join(found))
    return {**template["extra_vars"], **defaults, **answers}


def _of_answer(question: Question, answers: dict[str, Any]) -> list[str]:
    name, kind = question["variable"], question["type"]
    if name not in answers:
        return [f"'{name}' value missing"] if question["required"] else []
    answer = answers[name]
    if kind == "multiselect":
        wrong = [value for value in answer if value not in _choices(question)] if isinstance(answer, list) else [answer]
        return [f"{value!r} for '{name}' is not among the choices" for value in wrong]
    if kind == "multiplechoice":
        return [] if answer in _choices(question) else [f"{answer!r} for '{name}' is not among the choices"]
    if not _is(answer, _TYPES[kind]) and not (kind == "float" and _is(answer, int)):
        return [f"{answer!r} for '{name}' is no {kind}"]
    size = len(answer) if isinstance(answer, str) else answer
    low, high = question.get("min"), question.get("max")
    return [f"'{name}' is too small"] * (low is not None and size < low) + [f"'{name}' is too large"] * (
        high is not None and size > high
    )


def _is(value: object, kind: type) -> bool:
    """Of this type; a bool is no int here."""
    return isinstance(value, kind) and not isinstance(value, bool)


def _choices(question: Question) -> list[str]:
    choices = question.get("choices") or []
    return choices.splitlines() if isinstance(choices, str) else list(choices)
