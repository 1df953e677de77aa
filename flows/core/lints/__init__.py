"""What is allowed and probably not meant: one module and one line here each. A lint stops no publication."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flows.core.lints.alike import ALIKE
from flows.core.lints.code_ends_early import CODE_ENDS_EARLY
from flows.core.lints.event_field import EVENT_FIELD
from flows.core.lints.full_price_after_code import FULL_PRICE_AFTER_CODE
from flows.core.lints.lint import Lint, Remark, Shown, Subject, Texts
from flows.core.lints.missing_exit import MISSING_EXIT
from flows.core.lints.one_thing_at_a_time import ONE_THING_AT_A_TIME
from flows.core.lints.overtaken import OVERTAKEN
from flows.core.lints.percent_differs import PERCENT_DIFFERS
from flows.core.lints.unreachable import UNREACHABLE

__all__ = ["LINTS", "Lint", "Remark", "Shown", "Subject", "Texts", "look"]

LINTS: Mapping[str, Lint] = {
    lint.name: lint
    for lint in (
        MISSING_EXIT,
        UNREACHABLE,
        EVENT_FIELD,
        OVERTAKEN,
        ALIKE,
        CODE_ENDS_EARLY,
        FULL_PRICE_AFTER_CODE,
        PERCENT_DIFFERS,
        ONE_THING_AT_A_TIME,
    )
}


def look(subject: Subject) -> Iterator[tuple[str, Remark]]:
    """Everything that the lints say of a flow that can be published, each with the name of its lint."""
    for lint in LINTS.values():
        for remark in lint.look(subject):
            yield lint.name, remark
