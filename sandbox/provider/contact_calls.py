"""The calls under /contacts that read and write one contact, and the list of all."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.provider.contacts import Change, Contact, check_condition, clash, matches
from sandbox.provider.shapes import CONTACT_CREATE, CONTACT_UPDATE
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, not_found

MOST_IDS = 20


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
        call.platform.webhooks.written(account, done.contact, done.effect, call.now, call.writer, new=done.created)
        if done.created:
            return Answer(201, {"id": done.contact.id})
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
        effect = account.contacts.write(contact, change, call.now, call.platform.clock.wire())
        _note(call, contact, merged_away)
        call.platform.webhooks.written(account, contact, effect, call.now, call.writer)
    return Answer(204)


def get_contact(call: Call) -> Answer:
    with call.account.lock:
        contact = call.account.contacts.find(call.path["identifier"], call.one("identifierType"))
        return Answer(200, {**contact.as_json(), "statistics": {}})


def delete_contact(call: Call) -> Answer:
    with call.account.lock:
        contact = call.account.contacts.find(call.path["identifier"], call.one("identifierType"))
        call.account.contacts.delete(contact)
        call.platform.webhooks.contact_deleted(call.account, contact, call.now, call.writer)
    return Answer(204)


def _numbers(call: Call, name: str) -> set[int]:
    texts = [text for given in call.query.get(name, []) for text in given.split(",")]
    if not all(text.isdigit() for text in texts):
        raise invalid(f"{name} should be integers")
    return {int(text) for text in texts}


def _tests(call: Call) -> list[Callable[[Contact], bool]]:
    """What a contact has to be to be listed."""
    modified, created = call.moment("modifiedSince"), call.moment("createdSince")
    ids, lists = _numbers(call, "ids"), _numbers(call, "listIds")
    condition, segment_id = call.one("filter"), call.one("segmentId")
    if len(ids) > MOST_IDS:
        raise Refusal(400, "out_of_range", f"At most {MOST_IDS} ids can be passed")
    if lists and segment_id is not None:
        raise invalid("listIds and segmentId cannot be passed together")
    tests: list[Callable[[Contact], bool]] = []
    if modified is not None:
        tests.append(lambda contact: contact.modified_at >= modified)
    if created is not None:
        tests.append(lambda contact: contact.created_at >= created)
    if ids:
        tests.append(lambda contact: contact.id in ids)
    if lists:
        tests.append(lambda contact: bool(contact.list_ids & lists))
    if condition is not None:
        check_condition(condition)
        tests.append(lambda contact: matches(contact, condition))
    if segment_id is not None:
        segment = next((one for one in call.account.segments if str(one.id) == segment_id), None)
        if segment is None:
            raise not_found("Segment ID does not exist")
        tests.append(segment.holds)
    return tests


def list_contacts(call: Call) -> Answer:
    with call.account.lock:
        tests = _tests(call)
        kept = [c for c in call.account.contacts.all() if all(test(c) for test in tests)]
        page = [contact.as_json() for contact in call.sorted_page(kept, 50, 1000)]
    return Answer(200, {"contacts": page, "count": len(kept)})


ROUTES = [
    Route("GET", "/contacts", list_contacts),
    Route("POST", "/contacts", create_contact, CONTACT_CREATE),
    Route("GET", "/contacts/<identifier>", get_contact),
    Route("PUT", "/contacts/<identifier>", update_contact, CONTACT_UPDATE, body_required=False),
    Route("DELETE", "/contacts/<identifier>", delete_contact),
]
