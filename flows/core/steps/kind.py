"""What a step kind is made of. One kind is one module beside this one and one line in the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from flows.core.answers import Answer, Woke
from flows.core.facts import Facts
from flows.core.model import Run, Step

HOLD_OUT = "hold_out"
"""The arm of a split that gets nothing more of the flow, so that its worth can be measured."""


class StepSchema(Schema):
    """The entries that every step may have beside its own."""

    id = fields.String(
        validate=validate.Regexp(r"\A[a-z][a-z0-9-]{0,40}\Z", error="use small letters, digits and dashes"),
        metadata={"description": "A name of its own; made from the kind otherwise"},
    )
    note = fields.String(metadata={"description": "A remark for colleagues; changes nothing"})


@dataclass(frozen=True, slots=True)
class Written:
    """One step as read from a file: its config, the name its id is made from, and the steps inside it.

    `branches`: port -> (where the list stands in the step, the steps as plain data). After the last step of a
    branch the flow goes on behind this step. `ends`: nothing goes on behind it.
    """

    config: Any
    name: str
    branches: Mapping[str, tuple[tuple[str, ...], Sequence[Any]]] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    ends: bool = False


@dataclass(frozen=True, slots=True)
class StepKind:
    """`read` gets what the schema has loaded and raises ValueError with a sentence for the author.

    `run` answers for a step that was just reached (`woke` is None) or whose own wait has ended. `waits`: time
    passes here, so that a loop through it is no endless one.
    """

    name: str
    about: str
    example: Mapping[str, Any]
    schema: type[StepSchema]
    read: Callable[[Mapping[str, Any]], Written]
    needs: Callable[[Any], frozenset[str]]
    run: Callable[[Step, Run, Facts, datetime, Woke | None], Answer]
    waits: bool = False
