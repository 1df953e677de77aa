"""What a step kind is made of. One kind is one module beside this one and one line in the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from flows.core.answers import Answer, Woke
from flows.core.conditions import Condition
from flows.core.facts import Facts
from flows.core.model import Run, Step


class StepSchema(Schema):
    """The entries that every step may have beside its own."""

    id = fields.String(
        validate=validate.Regexp(r"\A[a-z][a-z0-9-]{0,40}\Z", error="use small letters, digits and dashes"),
        metadata={"description": "A name of its own; made from the kind otherwise"},
    )
    note = fields.String(metadata={"description": "A remark for colleagues; changes nothing"})


Place = tuple[str | int, ...]
"""Where something stands in the step."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition of a step. `of`: the event that its ``event.`` fields are of, None for the flow's trigger."""

    where: Place
    condition: Condition
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """One step as read from a file: its config, the name its id is made from, and the steps inside it.

    `branches`: port -> (where the list stands in the step, the steps as plain data). After the last step of a
    branch the flow goes on behind this step. `ends`: nothing goes on behind it. `asks`: its conditions. `paths`:
    fields of the trigger's event that it reads, and where it says so.
    """

    config: Any
    name: str
    branches: Mapping[str, tuple[Place, Sequence[Any]]] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    ends: bool = False
    asks: tuple[Asked, ...] = ()
    paths: tuple[tuple[Place, str], ...] = ()


def never(config: Any) -> bool:
    """No time passes in such a step."""
    return False


@dataclass(frozen=True, slots=True)
class StepKind:
    """`read` gets what the schema has loaded and raises ValueError with a sentence for the author.

    `run` answers for a step that was just reached (`woke` is None) or whose own wait has ended. `waits`: whether time
    surely passes in a step with this config, so that a way round through it is no endless one. `targets`: the other
    flows into which it puts people. `tells`: the events that it tells at once. `texts`: which of its entries are Liquid
    for staff to read.
    """

    name: str
    about: str
    example: Mapping[str, Any]
    schema: type[StepSchema]
    read: Callable[[Mapping[str, Any]], Written]
    needs: Callable[[Any], frozenset[str]]
    run: Callable[[Step, Run, Facts, datetime, Woke | None], Answer]
    waits: Callable[[Any], bool] = never
    targets: Callable[[Any], tuple[str, ...]] = lambda config: ()
    tells: Callable[[Any], tuple[str, ...]] = lambda config: ()
    texts: tuple[str, ...] = ()
