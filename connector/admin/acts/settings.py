"""The shop's settings: reading them, changing a part of them, and whom messages come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection, update

from connector import audit, shops
from connector.admin import revision
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, View
from connector.admin.sections import named, sections
from connector.admin.sections.section import Section, changed, defaults, document, faults, keep, seen, with_settings
from connector.admin.shown import Eyes
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.models.shop import shops as shops_table
from connector.shops import Shop
from sync import account_choice, signal_choice
from sync.loyalty import choosing

_Choice = Callable[..., list[str]]
# What else follows from these is done where they are chosen, which also writes the line of the audit log.
_CHOSEN: Mapping[str, _Choice] = {
    "signals": lambda deps, shop, wanted, **how: signal_choice.choose(deps, shop, wanted.get("signals"), **how),
    "loyalty": lambda deps, shop, wanted, **how: choosing.choose(deps, shop, wanted.get("loyalty"), **how),
    "account": account_choice.choose,
}


NOT_HERE = (
    "Only owners who sign in with an account of their own change this: not inside Shopify's admin and not by a key. "
    "Open the connector's own address, sign in, and change it there."
)
"""Of a part of the settings that is for those who sign in."""

# As JSON has the one character that PostgreSQL cannot keep.
_NUL = b"\\u0000"


class _Save(Schema):
    # What stands for the part as it was when it was read.
    seen = fields.String(required=True, validate=validate.Length(max=64))
    # The settings of the part that are to be different, whole: {"marketing_cap": {"count": 2, "days": 7}}
    settings = fields.Dict(keys=fields.String(validate=validate.Length(max=50)), required=True)


class _Sender(Schema):
    seen = fields.String(required=True, validate=validate.Length(max=64))
    email = fields.Email(required=True, validate=validate.Length(max=254))
    # Left empty: as Brevo has it.
    name = fields.String(load_default="", validate=validate.Length(max=70))


SENDER_FIELDS = _Sender()


def _save(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    """``changed``: the fields that differ now, by their paths; ``notes``: sentences on what follows."""
    section = named(given["section"])
    if section.owners:
        raise LookupError("This part of the settings is for owners.")
    return _keep(deps, shop, visitor, section, given)


def _save_of_owners(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    section = named(given["section"])
    if not section.owners:
        raise LookupError("This part of the settings is not only for owners.")
    return _keep(deps, shop, visitor, section, given)


def _keep(deps: Deps, shop: Shop, visitor: Visitor, section: Section, given: Given) -> Mapping[str, Any]:
    if section.signed_in and not visitor.signs_in:
        raise InvalidInput(NOT_HERE)
    wanted: dict[str, Any] = dict(given["settings"])
    if set(wanted) - set(section.keys):
        raise InvalidInput(f"This part of the settings has: {', '.join(section.keys)}.")
    if _NUL in orjson.dumps(wanted, default=str):
        raise InvalidInput("A text has a character that cannot be kept.")
    wrong = faults(section, shop, wanted)
    if wrong:
        raise InvalidInput("; ".join(f"{name}: {sentence}" if name else sentence for name, sentence in wrong.items()))

    def hold(connection: Connection) -> Shop:
        held = shops.hold(connection, shop.id)
        revision.check(document(section, held), given["seen"])
        return held

    now = with_settings(shop, wanted)
    names = changed(section, shop.settings, now.settings)
    notes: Sequence[str] = ()
    if section.key in _CHOSEN and names:
        notes = _CHOSEN[section.key](deps, shop, wanted, by=visitor.actor, held=hold)
        return {"changed": names, "notes": list(notes)}
    with deps.open(now) as scope:
        held = hold(scope.connection)
        names = changed(section, held.settings, with_settings(held, wanted).settings)
        if names:
            keep(scope.connection, held, wanted)
            audit.note(
                scope,
                actor=visitor.actor,
                act="settings.change",
                object_kind="settings",
                object_id=section.key,
                detail={"changed": names},
            )
    return {"changed": names, "notes": []}


def _set_sender(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    """Only an address that Brevo lets send. Raises the ProviderError of Brevo, which changes nothing."""
    if not shop.has_brevo:
        raise InvalidInput("Connect Brevo first: it says which addresses may send.")
    active = [one for one in deps.brevo(shop).senders() if one.get("active", True) and one.get("email")]
    known = next((one for one in active if str(one["email"]).lower() == given["email"].lower()), None)
    if known is None:
        there = ", ".join(str(one["email"]) for one in active) or "none"
        raise InvalidInput(f"Brevo does not let {given['email']} send. Verify it at Brevo, or choose one of: {there}.")
    chosen = {"sender_email": str(known["email"]), "sender_name": given["name"] or known.get("name") or shop.name}
    with deps.open(shop) as scope:
        held = shops.hold(scope.connection, shop.id)
        revision.check(sender_of(held), given["seen"])
        scope.connection.execute(update(shops_table).where(shops_table.c.id == shop.id).values(chosen))
        audit.note(scope, actor=visitor.actor, act="settings.sender", object_kind="settings", object_id="sender")
    return chosen


def sender_of(shop: Shop) -> list[str]:
    """What two who change the sender are held against one another by."""
    return [shop.sender_email, shop.sender_name]


def _read_all(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    sender = {
        "email": Eyes(visitor.sees_addresses).email(shop.sender_email),
        "name": shop.sender_name,
        "seen": revision.of(sender_of(shop)),
    }
    return {"sections": [_told(one, shop) for one in sections().values()], "sender": sender}


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    return _told(named(given["section"]), shop)


def _told(section: Section, shop: Shop) -> dict[str, Any]:
    return {
        "section": section.key,
        "title": section.title,
        "settings": {key: shop.settings[key] for key in section.keys},
        "defaults": {key: defaults()[key] for key in section.keys},
        "owners": section.owners,
        "seen": seen(section, shop),
    }


_FIELDS = _Save()
ACTS = (
    Act("save_setting", "settings/<section>", "Change a part of the shop's settings.", _save, _FIELDS),
    Act(
        "save_owner_setting",
        "settings/<section>/owners",
        "Change a part of the shop's settings that is for owners: consent, who is told of customers, lists at Brevo.",
        _save_of_owners,
        _FIELDS,
    ),
    Act(
        "set_sender",
        "settings/sender",
        "Say whom messages come from. What `seen` says stands with the sender among all settings.",
        _set_sender,
        SENDER_FIELDS,
    ),
)
SAVE, SAVE_OF_OWNERS, SET_SENDER = ACTS
VIEWS = (
    View("settings", "settings", "All settings of the shop, their defaults, and whom messages come from.", _read_all),
    View("setting", "settings/<section>", "A part of the shop's settings, with its defaults.", _read),
)
