"""What Brevo reports beside messages and contacts: loyalty, web push, coupons, and whatever is new to us."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from marshmallow import INCLUDE, Schema

from connector.scope import Scope
from sync.reports import notices
from sync.reports.notices import Notice
from sync.reports.report import moment
from webhooks.brevo_entries import word
from webhooks.masking import masked
from webhooks.topics.topic import Delivery, Topic

# What is kept of a payload that nobody has seen before: enough to see what it is.
_MOST_BYTES, _DEEPEST = 8_000, 12


class AnyPayload(Schema):
    """Their bodies are documented in parts only: nothing is asked of them."""

    class Meta:
        unknown = INCLUDE


def _apply(event: str) -> Callable[[Scope, Mapping[str, Any], Delivery], None]:
    def apply(scope: Scope, payload: Mapping[str, Any], delivery: Delivery) -> None:
        named = payload.get("identifiers")
        identifiers: Mapping[str, Any] = named if isinstance(named, dict) else {}
        notices.heard(
            scope,
            Notice(
                event=event,
                word=word(payload)[:64],
                identity=_identity(payload, delivery),
                at=_moment(payload, delivery.received_at),
                email=_text(identifiers.get("email_id")) or _text(payload.get("email")),
                customer_id=_text(identifiers.get("ext_id")),
                # Its own properties stand at the top or below event_properties, depending on who documents it.
                props={"payload": _shown(payload)},
            ),
        )

    return apply


def _identity(payload: Mapping[str, Any], delivery: Delivery) -> str:
    given = payload.get("event_id")
    if isinstance(given, str) and given:
        return f"{word(payload)}:{given[:100]}"
    if _deeper_than(payload, _DEEPEST):
        return delivery.external_id
    return sha256(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _moment(payload: Mapping[str, Any], received_at: datetime) -> datetime:
    """By its own time where it is a usable one: ``event_date`` is ISO 8601 with a zone."""
    try:
        told = datetime.fromisoformat(str(payload.get("event_date")))
    except ValueError:
        told = None
    stamps = [told.timestamp() if told is not None and told.tzinfo is not None else None]
    for name in ("ts_epoch", "ts_event", "ts"):
        value = payload.get(name)
        stamps.append(value if isinstance(value, int | float) and not isinstance(value, bool) else None)
    return moment(stamps, received_at)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _shown(payload: Mapping[str, Any]) -> Any:
    """The payload without what it says of a person, as far as it is small."""
    if _deeper_than(payload, _DEEPEST) or len(orjson.dumps(payload)) > _MOST_BYTES:
        return {"fields": sorted(str(name)[:64] for name in payload)[:50]}
    return masked(payload)


def _deeper_than(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper_than(one, levels - 1) for one in inside)


TOPICS = (
    Topic("brevo", "loyalty", "other", AnyPayload, _apply("loyalty_reported")),
    Topic("brevo", "push", "other", AnyPayload, _apply("push_reported")),
    Topic("brevo", "coupon", "other", AnyPayload, _apply("coupon_sent_by_brevo")),
    Topic("brevo", "other", "other", AnyPayload, _apply("message_other")),
)
