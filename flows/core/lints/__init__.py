"""What is allowed and probably not meant: one module and one line here each. A lint stops no publication."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.core.lints.lint import Lint, Remark, Texts
from flows.core.lints.one_thing_at_a_time import ONE_THING_AT_A_TIME

__all__ = ["LINTS", "Lint", "Remark", "Texts", "look"]

LINTS: Mapping[str, Lint] = {lint.name: lint for lint in (ONE_THING_AT_A_TIME,)}


def look(definition: Mapping[str, Any], texts: Texts) -> list[Remark]:
    """Everything that the lints say of a flow that can be published. `definition`: as its file has it."""
    return [remark for lint in LINTS.values() for remark in lint.look(definition, texts)]
