"""Custom events: POST /events and /events/batch.

Chosen where the documentation is silent: an event for a contact that is not there is accepted, creates no
contact and is logged with `unknown_contact`. A batch with faulty events keeps the good ones and answers 400
with the list of errors (`batch_partial_status` in the account's settings can make it 207).
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from sandbox.provider import moments
from sandbox.provider.contacts import Change
from sandbox.provider.shapes import EVENT, EVENT_BATCH, check
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, missing

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
LARGEST_PROPERTIES = 50 * 1024


def _check_keys(value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not _NAME.fullmatch(key):
                raise invalid(f"event_properties key {key!r} is not valid")
            _check_keys(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_keys(inner)


def _check_event(event: dict[str, Any]) -> None:
    if not _NAME.fullmatch(event["event_name"]):
        raise invalid("event_name should have up to 255 letters, digits, - or _")
    if not any(event["identifiers"].values()):
        raise missing("identifiers should have at least one identifier")
    properties = event.get("event_properties", {})
    _check_keys(properties)
    if len(orjson.dumps(properties)) > LARGEST_PROPERTIES:
        raise invalid("event_properties exceeds 50 KB")
    if "event_date" in event and moments.parse(event["event_date"]) is None:
        raise invalid("event_date is not a valid date-time")


def _accept(call: Call, event: dict[str, Any]) -> None:
    account = call.account
    with account.lock:
        contact = account.contacts.lookup(event["identifiers"])
        properties = event.get("contact_properties")
        if contact and properties:
            kept, dropped = account.attributes.fit(properties)
            effect = account.contacts.write(contact, Change(attributes=kept), call.now, call.platform.clock.wire())
            call.platform.webhooks.written(account, contact, effect, call.now, call.writer)
            if dropped:
                call.remark.setdefault("dropped_attributes", []).extend(dropped)
        account.events.append(event)
        call.remark.setdefault("events", []).append([event["event_name"], event["identifiers"].get("email_id")])
        call.platform.record.add(
            "event",
            account=account.key,
            name=event["event_name"],
            identifiers=event["identifiers"],
            contact_id=contact.id if contact else None,
            unknown_contact=contact is None,
            properties=event.get("event_properties", {}),
            event_date=event.get("event_date"),
            first_byte_at=call.first_byte_at,
            accepted_at=call.now,
        )


def create_event(call: Call) -> Answer:
    _check_event(call.body)
    _accept(call, call.body)
    return Answer(204)


def create_events(call: Call) -> Answer:
    if not isinstance(call.body, dict) or set(call.body) != {"events"} or not isinstance(call.body["events"], list):
        check(call.body, EVENT_BATCH)
    events, errors = call.body["events"], []
    for index, event in enumerate(events):
        try:
            check(event, EVENT)
            _check_event(event)
        except Refusal as refusal:
            errors.append({"eventIndex": [index], "message": refusal.body["message"]})
            continue
        _accept(call, event)
    good = len(events) - len(errors)
    if not errors:
        return Answer(202, {"message": "Events are being processed", "count": good})
    status = call.account.settings.batch_partial_status if good else 400
    body = {
        "status": "partial_success" if good else "failed",
        "total_events": len(events),
        "successful_events": good,
        "failed_events": len(errors),
        "errors": errors,
    }
    return Answer(status, body)


ROUTES = [
    Route("POST", "/events", create_event, EVENT),
    # Every event of a batch is judged on its own, so the handler checks the shape.
    Route("POST", "/events/batch", create_events),
]
