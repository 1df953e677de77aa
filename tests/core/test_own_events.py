"""Events of the merchant's own, and answers to forms: what a flow file may say of them."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flows.core.editor_schema import editor_schema
from flows.core.validate import DefinitionError, load

FLOW: dict[str, Any] = {
    "flow": "quiz",
    "name": "Quiz",
    "trigger": {
        "on": "custom:quiz_done",
        "key": "event.properties.quiz",
        "where": {"event.properties.score": {"gt": 3}},
    },
    "goal": {"on": "custom:shelf_built", "within": "7d"},
    "exit": ["custom:shelf_returned"],
    "audience": {"person.answers.style": "casual", "event.name": "quiz_done"},
    "steps": [{"wait": "1d"}],
}


def said(**changed: Any) -> str:
    with pytest.raises(DefinitionError) as problems:
        load({**FLOW, **changed})
    return str(problems.value)


def test_they_are_trigger_goal_exit_and_condition() -> None:
    flow = load(FLOW)
    assert (flow.trigger.on, flow.exits) == ("custom:quiz_done", ("custom:shelf_returned",))
    assert flow.goal is not None and flow.goal.event == "custom:shelf_built"
    assert "person" in flow.needs
    Draft202012Validator(editor_schema()).validate(FLOW)


@pytest.mark.parametrize(
    "name", ["custom", "custom:", "custom:Quiz", "custom:a-b", "custom:NAME", f"custom:{'a' * 65}"]
)
def test_other_names_are_none(name: str) -> None:
    assert "is no event here" in said(trigger={"on": name})
    assert not Draft202012Validator(editor_schema()).is_valid({**FLOW, "trigger": {"on": name}})


@pytest.mark.parametrize("path", ["event.score", "person.answers", "person.answers.NAME.more", "person.answers.a-b"])
def test_other_fields_are_none(path: str) -> None:
    assert f"“{path}” is no field" in said(audience={path: "x"})
