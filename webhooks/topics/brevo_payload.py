"""Parts that the schemas of Brevo's payloads share. They carry neither signature nor event id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import fields, pre_load

from sync.reports.report import moment
from webhooks.topics.payload import TEXT, Payload

# The times of which Brevo says that they are UTC, the surest first. ``date`` follows the account's zone and is not
# read; ``ts`` of marketing events has been seen an hour off. Milliseconds: ts_epoch, and s_epoch of opens by a proxy;
# some samples carry seconds there.
_TIMES = ("ts_epoch", "ts_event", "s_epoch", "ts")


class BrevoPayload(Payload):
    """What a far server or a person wrote is cut, and a value of another type than the documented one is read where
    that can be: neither is a reason to lose the event.
    """

    ts_epoch = fields.Float(load_default=None, allow_none=True)
    ts_event = fields.Float(load_default=None, allow_none=True)
    s_epoch = fields.Float(load_default=None, allow_none=True)
    ts = fields.Float(load_default=None, allow_none=True)
    reason = fields.String(load_default=None, allow_none=True)
    # A list, a JSON string of one, or plain text.
    tag = fields.Raw(load_default=None, allow_none=True)
    tags = fields.Raw(load_default=None, allow_none=True)

    @pre_load
    def _readable(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        kept = {name: value for name, value in data.items() if name not in _TIMES or _is_number(value)}
        reason = kept.get("reason")
        if reason is not None:
            kept["reason"] = str(reason)[:TEXT]
        return kept


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def when(payload: Mapping[str, Any], received_at: datetime) -> datetime:
    """When it happened, in whole seconds; when it was received where nothing usable is told."""
    return moment((payload[name] for name in _TIMES), received_at)
