"""The shop's setting ``signals``: what can be set of each signal, such as its thresholds. docs/signals.md lists them.

A signal says in its own module what can be set of it (``settings`` of ``flows.core.signals.Signal``: a schema of which
every field has a default), and needs no line here. What is set of something that is no signal of its own, such as the
points of a score, gets a line in ``_OTHERS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, fields

from flows.core.scores import ScoresSchema
from flows.core.signals import SIGNALS, SignalSettings

_OTHERS: Mapping[str, type[Schema]] = {"scores": ScoresSchema}
"""By the name under which it is set."""

SCHEMAS: Mapping[str, type[Schema]] = {
    **{name: signal.settings for name, signal in SIGNALS.items() if signal.settings is not None},
    **_OTHERS,
}
"""What can be set, by name."""

SignalsSchema = Schema.from_dict(
    {name: fields.Nested(schema, unknown=RAISE) for name, schema in SCHEMAS.items()}, name="SignalsSchema"
)
"""``{name: {what is set: value}}``; of a name that is left out all is as its schema has it."""


def chosen(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What is set under this name in a shop's settings (every key of ``ShopSettingsSchema``), else the defaults."""
    return SignalSettings(values=settings["signals"]).chosen(name, SCHEMAS[name])
