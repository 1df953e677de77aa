"""What staff do about one person and read of them: who is who, leaving them alone, handing out and erasing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import delete

from connector import audit
from connector.admin import people, people_search, timeline
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Nothing, Paged, View
from connector.admin.shown import Eyes
from connector.db.session import reading, transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.locks import lock_persons
from connector.models.person import suppressions
from connector.scope import Scope
from connector.shops import Shop
from connector.suppression import address_digest
from flows.channels import CHANNELS
from flows.engine import explaining
from sync import conflicts, consent, merging
from sync.privacy import bundle, exports, requests
from sync.privacy.traces import Named

STAFF = "staff"
"""The reason of suppressions that staff have set, and the source of what they note of somebody's consent."""
CHANNEL_NAMES = ("email", "sms", "whatsapp", "push")
ASKED, OURS = "asked", "ours"
WHYS: Mapping[str, str] = {
    ASKED: "They asked for it: this is noted as their opt-out, and only they can take it back.",
    OURS: "We decided it: you can take it back at any time.",
}
"""Why somebody is to be left alone -> what that means."""
_LARGEST = 2**62
_MOST_FLOWS = 200


class Conflict(Schema):
    conflict = fields.Integer(required=True, validate=validate.Range(min=1, max=_LARGEST))


class Silence(Schema):
    channel = fields.String(required=True, validate=validate.OneOf(CHANNEL_NAMES))
    why = fields.String(required=True, validate=validate.OneOf(tuple(WHYS)))


class Lift(Schema):
    channel = fields.String(required=True, validate=validate.OneOf(CHANNEL_NAMES))


class Erasure(Schema):
    typed = fields.String(required=True, validate=validate.Length(max=100))


class Searched(Paged):
    q = fields.String(load_default="", validate=validate.Length(max=200))


class Told(Paged):
    kind = fields.String(load_default="", validate=validate.OneOf(("", *timeline.KINDS)))


def typed_for(person_id: int) -> str:
    """What somebody types who means to erase this person."""
    return f"erase {person_id}"


def _gone(person_id: int) -> LookupError:
    return LookupError(f"There is no person {person_id}.")


def _known(scope: Scope, given: Given) -> tuple[int, Mapping[str, Any]]:
    person_id = given["person_id"]
    known = people.names_of(scope.connection, scope.shop, person_id)
    if known is None:
        raise _gone(person_id)
    if known["gone"]:
        raise InvalidInput("This person was erased or is somebody else's record by now: nothing was changed.")
    if known["erasing"]:
        raise InvalidInput("Their erasure is under way, so nothing was changed. It is carried out within minutes.")
    return person_id, known


def _note(scope: Scope, visitor: Visitor, act: str, person_id: int, **detail: Any) -> None:
    audit.note(scope, actor=visitor.actor, act=act, object_kind="person", object_id=person_id, detail=detail)


def _reveal(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    person_id = given["person_id"]
    with deps.open(shop) as scope:
        known = people.names_of(scope.connection, shop, person_id)
        if known is None:
            raise _gone(person_id)
        _note(scope, visitor, "person.reveal", person_id)
    return {"id": person_id, **{name: known[name] for name in ("first_name", "last_name", "email", "phone")}}


def _merge(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    conflict_id = given["conflict"]
    with deps.open(shop) as scope:
        kept = merging.merge_conflicting(scope, conflict_id, given["person_id"])
        _note(scope, visitor, "person.merge", kept, conflict=conflict_id)
    return {"id": kept}


def _keep_apart(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    person_id, conflict_id = given["person_id"], given["conflict"]
    with deps.open(shop) as scope:
        open_ones = conflicts.conflicts(scope.connection, shop.id, of=[person_id])
        if conflict_id not in {one.id for one in open_ones}:
            raise LookupError(f"There is no conflict {conflict_id} of person {person_id}.")
        merging.keep_apart(scope, [conflict_id])
        _note(scope, visitor, "person.keep_apart", person_id, conflict=conflict_id)
    return {"id": person_id}


def _address(known: Mapping[str, Any], channel: str) -> str:
    address = CHANNELS[channel].address(known)
    if not address:
        what = "email address" if channel == "email" else "telephone number that can be written to"
        raise InvalidInput(f"This person has no {what}: nothing was changed.")
    return address


def _suppress(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    channel = given["channel"]
    with deps.open(shop) as scope:
        person_id, known = _known(scope, given)
        lock_persons(scope, [person_id])
        if given["why"] == ASKED:
            evidence = {"text": "noted by staff at the person's request"}
            consent.record(
                scope, person_id, channel, "unsubscribed", source=STAFF, evidence_at=scope.now, evidence=evidence
            )
            _note(scope, visitor, "person.opt_out", person_id, channel=channel)
        else:
            consent.suppress(scope, channel, _address(known, channel), STAFF)
            _note(scope, visitor, "person.suppress", person_id, channel=channel)
    return {"id": person_id, "channel": channel}


def _lift(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    channel = given["channel"]
    with deps.open(shop) as scope:
        person_id, known = _known(scope, given)
        lock_persons(scope, [person_id])
        lifted = scope.connection.execute(
            delete(suppressions).where(
                suppressions.c.shop_id == shop.id,
                suppressions.c.channel == channel,
                suppressions.c.address_digest == address_digest(shop.salt, _address(known, channel)),
                suppressions.c.reason.in_(people.LIFTABLE),
            )
        ).rowcount
        if not lifted:
            raise InvalidInput(
                "Only what staff or a flow has stopped can be taken back here. An opt-out, a complaint or a dead"
                " mailbox stays until the person agrees anew or has another address."
            )
        _note(scope, visitor, "person.lift", person_id, channel=channel)
    return {"id": person_id, "channel": channel}


def _export(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        person_id, _ = _known(scope, given)
        made = exports.ask(scope, person_id)
        _note(scope, visitor, "person.export_start", person_id)
    return {"id": person_id, **_standing(made)}


def _download(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop) as scope:
        person_id, _ = _known(scope, given)
        made = exports.hand_out(deps, scope, person_id)
        _note(scope, visitor, "person.export", person_id, tables=bundle.counts(made))
    return made


def _erase(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    person_id = given["person_id"]
    if given["typed"].strip().lower() != typed_for(person_id):
        raise InvalidInput(f"Nobody was erased: type “{typed_for(person_id)}” to say that you mean it.")
    with deps.open(shop) as scope:
        _known(scope, given)
        reference = f"admin:{person_id}:{scope.machine.isoformat()}"
        requests.ask(scope, "redact", Named(), reference=reference, source=STAFF, person_id=person_id)
        _note(scope, visitor, "person.erase", person_id)
    return {"id": person_id, "state": "under way"}


ACTS = (
    Act(
        "reveal",
        "people/<int:person_id>/reveal",
        "Show a person's name, address and telephone number whole; it is noted who asked.",
        _reveal,
        Nothing(),
    ),
    Act(
        "merge",
        "people/<int:person_id>/merge",
        "Say that the two people of a conflict are one; this person stays.",
        _merge,
        Conflict(),
    ),
    Act(
        "keep_apart",
        "people/<int:person_id>/keep-apart",
        "Say that the two people of a conflict are two.",
        _keep_apart,
        Conflict(),
    ),
    Act(
        "suppress_person",
        "people/<int:person_id>/suppress",
        "Send this person no marketing by a channel any more: because they asked (`asked`, their opt-out) or because"
        " the shop wants it (`ours`, which can be lifted).",
        _suppress,
        Silence(),
    ),
    Act(
        "lift_suppression",
        "people/<int:person_id>/lift",
        "Let marketing by a channel go on that staff or a flow had stopped.",
        _lift,
        Lift(),
    ),
    Act(
        "export_person",
        "people/<int:person_id>/export",
        "Have everything that is stored of a person put together, and nothing of anybody else. A worker does it; what"
        " was put together before goes.",
        _export,
        Nothing(),
    ),
    Act(
        "download_export",
        "people/<int:person_id>/export/download",
        "Everything that is stored of a person, to be handed to them, once it is put together.",
        _download,
        Nothing(),
    ),
    Act(
        "erase_person",
        "people/<int:person_id>/erase",
        "Erase a person here and at Brevo; `typed` is “erase ID”. A worker carries it out.",
        _erase,
        Erasure(),
    ),
)
REVEAL, MERGE, KEEP_APART, SUPPRESS, LIFT, EXPORT, DOWNLOAD, ERASE = ACTS


# --- what is read


def _found(one: people_search.Found, eyes: Eyes) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": eyes.name(one.name),
        "email": eyes.email(one.email),
        "phone": eyes.phone(one.phone),
        "orders": one.orders_count,
        "found_by": one.by,
    }


def _people(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    eyes = Eyes(visitor.sees_addresses)
    with transaction(deps.engine) as connection:
        if given["q"]:
            return {"rows": [_found(one, eyes) for one in people.search(connection, shop, given["q"])], "next": None}
        page = people.newest(connection, shop, given["after"])
    return {"rows": [_found(one, eyes) for one in page.rows], "next": page.next}


def _person(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    eyes = Eyes(visitor.sees_addresses)
    with transaction(deps.engine) as connection:
        known = people.read(connection, shop, given["person_id"])
    if known is None:
        raise _gone(given["person_id"])
    p = known.profile
    return {
        "id": p.id,
        "name": eyes.name(known.name),
        "email": eyes.email(p.email),
        "phone": eyes.phone(p.phone),
        "country": p.country,
        "language": p.locale,
        "orders": p.orders_count,
        "spent": p.total_spent,
        "first_order_at": p.first_order_at,
        "last_order_at": p.last_order_at,
        "erased_at": p.erased_at,
        "merged_into": p.merged_into,
        "consent": [
            {"channel": one.channel, "purpose": one.purpose, "state": one.state, "since": one.evidence_at}
            for one in known.consents
        ],
        "stopped": [{"channel": one.channel, "reason": one.reason, "since": one.since} for one in known.suppressed],
        "flows": [
            {
                "flow": one.flow,
                "inside": one.live,
                "step": one.step,
                "entered_at": one.entered_at,
                "waits_until": one.wakes_at,
                "ended_at": one.ended_at,
                "ended": one.ended,
            }
            for one in known.stays
        ],
        "to_come": [
            {"id": one.id, "flow": one.flow, "message": one.message, "channel": one.channel, "due_at": one.due_at}
            for one in known.to_come
        ],
    }


def export_of(deps: Deps, shop: Shop, person_id: int) -> exports.Export | None:
    """What is being put together of this person, or lies ready. Raises LookupError."""
    with transaction(deps.engine) as connection:
        if not people.is_there(connection, shop.id, person_id):
            raise _gone(person_id)
        return exports.of_person(connection, shop.id, person_id, deps.clock.machine())


def _standing(one: exports.Export | None) -> dict[str, Any]:
    """``until``: how long it can be downloaded."""
    if one is None:
        return {"state": "none"}
    return {"state": "ready" if one.ready else "under way", "asked_at": one.asked_at, "until": one.ends_real}


def _export_state(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    return _standing(export_of(deps, shop, given["person_id"]))


def _timeline(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    eyes = Eyes(visitor.sees_addresses)
    with transaction(deps.engine) as connection:
        known = people.names_of(connection, shop, given["person_id"])
        if known is None:
            raise _gone(given["person_id"])
        page = timeline.read(
            connection,
            shop.id,
            given["person_id"],
            given["after"],
            given["kind"],
            staff=visitor.may_ask("admin.audit"),
        )
    names = (known["first_name"], known["last_name"])
    return {
        "rows": [
            {
                "at": line.at,
                "kind": line.kind,
                "text": eyes.text(line.text, *names),
                "about": eyes.text(line.about, *names),
                "flow": line.flow,
                "message": line.message,
                "brevo": eyes.text(line.told, *names),
            }
            for line in page.rows
        ],
        "next": page.next,
    }


def explained(deps: Deps, shop: Shop, person_id: int, flow: str, *, ahead: bool = True) -> explaining.Explanation:
    """Why this person is in this flow or is not, read in a transaction that can write nothing. Raises LookupError."""
    with reading(deps.engine) as connection:
        if not people.is_there(connection, shop.id, person_id):
            raise _gone(person_id)
        scope = Scope(connection, shop, deps.clock.now(), deps.clock.machine(), deps.settings)
        told = explaining.explain(scope, [person_id], flow, ahead=ahead).get(person_id)
    if told is None:
        raise LookupError(f"Nothing can be said of person {person_id} any more.")
    return told


def _why(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    eyes = Eyes(visitor.sees_addresses)
    told = explained(deps, shop, given["person_id"], given["flow"])
    with transaction(deps.engine) as connection:
        known = people.names_of(connection, shop, given["person_id"]) or {}
    names = (known.get("first_name"), known.get("last_name"))

    def masked(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(name): masked(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [masked(inner) for inner in value]
        return eyes.text(value, *names) if isinstance(value, str) else value

    found: dict[str, Any] = masked(asdict(told))
    return found


VIEWS = (
    View(
        "people",
        "people",
        "People by email, telephone number, name or order number (`q`); without it the newest.",
        _people,
        Searched(),
    ),
    View("person", "people/<int:person_id>", "What is known of a person.", _person),
    View(
        "person_export",
        "people/<int:person_id>/export",
        "Whether what is stored of a person is put together: `none`, `under way`, or `ready` to be downloaded.",
        _export_state,
    ),
    View(
        "person_timeline",
        "people/<int:person_id>/timeline",
        "What happened to a person, in and out, the newest first.",
        _timeline,
        Told(),
    ),
    View(
        "person_flow",
        "people/<int:person_id>/flows/<flow>",
        "Why a person is in a flow or is not, what they are sent, and what would change it.",
        _why,
    ),
)
