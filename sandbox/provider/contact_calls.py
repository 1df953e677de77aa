"""The calls under /contacts that read and write one contact, and the list of all."""

from __future__ import annotations

import re
from typing import Any

from sandbox.provider import moments
from sandbox.provider.contacts import Change, Contact, clash
from sandbox.provider.shapes import CONTACT_CREATE, CONTACT_UPDATE
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid

_FILTER = re.compile(r'equals\(\s*([A-Z0-9_-]+)\s*,\s*"?(.*?)"?\s*\)')


def read_change(call: Call) -> Change:
    change = Change.of(call.body, call.account.attributes)
    unknown = [id for id in change.add_lists + change.remove_lists if id not in call.account.lists]
    if unknown:
        raise invalid(f"List ID {unknown[0]} does not exist")
    if change.dropped:
        call.remark["dropped_attributes"] = change.dropped
    return change


def _refuse_too_early(call: Call, contact: Contact | None) -> None:
    """425 while the last write to the contact is fresh; the setting says how long (default: never)."""
    pause = call.account.settings.too_early_seconds
    if contact and call.platform.clock.wire() - contact.written_at < pause:
        raise Refusal(425, "too_early", "The contact is being processed, try again later")


def create_contact(call: Call) -> Answer:
    body, account = call.body, call.account
    with account.lock:
        change = read_change(call)
        wire = call.platform.clock.wire()
        for name, value in change.identifiers.items():
            _refuse_too_early(call, account.contacts.owner(name, value) if value else None)
        done = account.contacts.upsert(
            change,
            call.now,
            wire,
            update=body.get("updateEnabled", False),
            merge=body.get("forceMerge", False),
        )
        _note(call, done.contact, done.merged_away)
        if done.created:
            return Answer(201, {"id": done.contact.id})
        if done.changed:
            call.platform.webhooks.contact_updated(account, done.contact, done.changed, call.now)
        return Answer(201, {"id": done.contact.id}) if body.get("getId") else Answer(204)


def _note(call: Call, contact: Contact, merged_away: list[int]) -> None:
    call.remark["contact_id"] = contact.id
    if merged_away:
        call.remark["merged_away"] = merged_away
    if "EMAIL" in contact.identifiers:
        call.remark["email"] = contact.identifiers["EMAIL"]
        _block_senders(call, contact.identifiers["EMAIL"])


def _block_senders(call: Call, email: str) -> None:
    for sender in call.body.get("smtpBlacklistSender", []):
        call.account.mailbox.block(email, "unsubscribedViaApi", call.now, sender.lower())


def update_contact(call: Call) -> Answer:
    account, body = call.account, call.body or {}
    with account.lock:
        contact = account.contacts.find(call.path["identifier"], call.one("identifierType"))
        _refuse_too_early(call, contact)
        call.body = body
        change = read_change(call)
        others = account.contacts.others(change, contact)
        if others and not body.get("forceMerge"):
            raise clash("update", list(others))
        merged_away: list[int] = []
        if others:
            contact, merged_away = account.contacts.merge([contact, *others.values()])
        changed = account.contacts.write(contact, change, call.now, call.platform.clock.wire())
        _note(call, contact, merged_away)
        if changed:
            call.platform.webhooks.contact_updated(account, contact, changed, call.now)
    return Answer(204)


def get_contact(call: Call) -> Answer:
    with call.account.lock:
        contact = call.account.contacts.find(call.path["identifier"], call.one("identifierType"))
        return Answer(200, {**contact.as_json(), "statistics": {}})


def delete_contact(call: Call) -> Answer:
    with call.account.lock:
        contact = call.account.contacts.find(call.path["identifier"], call.one("identifierType"))
        call.account.contacts.delete(contact)
        call.platform.webhooks.contact_deleted(call.account, contact, call.now)
    return Answer(204)


def _filters(call: Call) -> list[Any]:
    tests: list[Any] = []
    for name, reading in (("modifiedSince", "modified_at"), ("createdSince", "created_at")):
        text = call.one(name)
        if text is not None:
            since = moments.parse(text.replace(" ", "+"))
            if since is None:
                raise invalid(f"{name} is not a valid date-time")
            tests.append(lambda c, reading=reading, since=since: getattr(c, reading) >= since)
    for name, accepts in (("ids", lambda c, ids: c.id in ids), ("listIds", lambda c, ids: c.list_ids & ids)):
        values = {int(v) for text in call.query.get(name, []) for v in text.split(",") if v.isdigit()}
        if name == "ids" and len(values) > 20:
            raise Refusal(400, "out_of_range", "At most 20 ids can be passed")
        if values:
            tests.append(lambda c, accepts=accepts, values=values: accepts(c, values))
    condition = call.one("filter")
    if condition is not None:
        parts = _FILTER.fullmatch(condition)
        if parts is None:
            raise invalid("filter is invalid")
        name, wanted = parts.groups()
        tests.append(lambda c: str({**c.identifiers, **c.attributes}.get(name, "")).lower() == wanted.lower())
    return tests


def list_contacts(call: Call) -> Answer:
    if call.one("segmentId") is not None:
        raise invalid("The sandbox has no segments")
    with call.account.lock:
        tests = _filters(call)
        rows = [c for c in call.account.contacts.all() if all(test(c) for test in tests)]
        rows.sort(key=lambda c: c.id, reverse=call.one("sort") != "asc")
        page = call.page(rows, 50, 1000)
        return Answer(200, {"contacts": [c.as_json() for c in page], "count": len(rows)})


ROUTES = [
    Route("GET", "/contacts", list_contacts),
    Route("POST", "/contacts", create_contact, CONTACT_CREATE),
    Route("GET", "/contacts/<identifier>", get_contact),
    Route("PUT", "/contacts/<identifier>", update_contact, CONTACT_UPDATE, body_required=False),
    Route("DELETE", "/contacts/<identifier>", delete_contact),
]
