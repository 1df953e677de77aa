"""The kinds of entries that a flow file has beside plain words and numbers, as marshmallow fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from flows.core import conditions, durations
from flows.core.conditions import Condition
from flows.core.model import Reentry
from flows.core.problems import suggestion
from flows.core.vocabulary import EVENTS, event_named

NAME_FORM = r"\A[a-z][a-z0-9-]{0,60}\Z"
NAME = validate.Regexp(NAME_FORM, error="use small letters, digits and dashes")
NO_HOLD = timedelta(0)


class DurationField(fields.Field[timedelta]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> timedelta:
        try:
            return durations.parse(value if isinstance(value, str) else repr(value))
        except ValueError as problem:
            raise ValidationError(str(problem)) from None


class HoldField(DurationField):
    """A length of time, or ``none``."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> timedelta:
        return NO_HOLD if value == "none" else super()._deserialize(value, attr, data, **kwargs)


class ConditionField(fields.Field[Condition]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Condition:
        try:
            return conditions.from_data(value)
        except ValueError as problem:
            raise ValidationError(str(problem)) from None


class ReentryField(fields.Field[Reentry]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Reentry:
        if value == "never" or value == "always":
            return Reentry(value)
        if isinstance(value, Mapping) and set(value) == {"after"}:
            return Reentry("after", DurationField().deserialize(value["after"]))
        raise ValidationError("write never, always, or for example {after: 30d}")


class EventField(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        name = super()._deserialize(value, attr, data, **kwargs)
        if not isinstance(name, str) or event_named(name) is None:
            raise ValidationError(f"“{name}” is no event here. {suggestion(name, EVENTS)}")
        return name


class PathField(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        path = super()._deserialize(value, attr, data, **kwargs)
        if not isinstance(path, str) or not path.startswith("event.") or path.endswith("."):
            raise ValidationError(f"“{path}” must name a field of the event, such as event.checkout_token")
        return path


class StepsField(fields.List[Any]):
    """A list of steps as plain data; `flows.core.graph` reads them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(fields.Raw(), **kwargs)


class TextOr(fields.Nested):
    """A text, or a group of named entries. `wrong`: what its author reads who wrote neither."""

    def __init__(
        self,
        nested: type[Schema] | Callable[[], Schema],
        *,
        wrong: str,
        text: Mapping[str, Any] | fields.Field[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(nested, **kwargs)
        self.wrong = wrong
        self.text = text or {"type": "string"}
        """The shape of the text: as JSON Schema, or a field that has it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, Mapping):
            return super()._deserialize(value, attr, data, partial, **kwargs)
        raise ValidationError(self.wrong)
