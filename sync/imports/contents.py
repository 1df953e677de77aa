"""What an import brings of a person: a line, and what holds for the whole import that it can be in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, RowMapping

from connector.brevo.import_calls import LARGEST_BODY as LARGEST_BODY
from connector.shops import Shop
from sync.copies import contact, upsert
from sync.copies.resource import Claim, Snapshot
from sync.copies.turn import DEFECTS
from sync.mapping.contact import Attribute


@dataclass(frozen=True)
class Terms:
    """What Brevo takes by the import and not by the person: the blocklists, and the lists to be on."""

    email_blocked: bool
    sms_blocked: bool
    list_ids: tuple[int, ...]

    @classmethod
    def of(cls, row: RowMapping) -> Terms:
        """Of a row of ``contact_imports``."""
        return cls(row["email_blocked"], row["sms_blocked"], tuple(row["list_ids"]))

    def body(self, lines: Sequence[Mapping[str, Any]], list_of_imports: int | None) -> dict[str, Any]:
        """POST /contacts/import. ``list_of_imports``: for those who are on no list, because Brevo asks for one.

        A blocklist is named only to put people on it: to name it otherwise might take somebody off.
        """
        flags = {"emailBlacklist": self.email_blocked, "smsBlacklist": self.sms_blocked}
        return {
            "jsonBody": lines,
            "listIds": list(self.list_ids) or ([] if list_of_imports is None else [list_of_imports]),
            **{name: True for name, blocked in flags.items() if blocked},
            "updateExistingContacts": True,
            "emptyContactsAttributes": False,
            "disableNotification": True,
        }


@dataclass(frozen=True)
class Content:
    """``version`` of the person as a ``line`` of an import under these ``terms``; ``size``: its bytes as sent."""

    version: int
    terms: Terms
    line: Mapping[str, Any]
    size: int


ENVELOPE = len(orjson.dumps(Terms(True, True, (2**53,) * 3).body([], 2**53)))
"""Bytes of an import beside its lines, at most."""


def read(
    connection: Connection, shop: Shop, held: Sequence[Claim], attributes: tuple[Attribute, ...]
) -> dict[int, Content]:
    """{person: what an import brings of them now}. Who is missing goes by themselves: their contact is to be taken off
    a blocklist or to be removed, an attribute is to be emptied, there is nothing to be sent, or no line can be made.
    """
    try:
        found = contact.read(connection, shop, held)
        return {one: content for one in found if (content := _content(found[one], attributes)) is not None}
    except DEFECTS:
        if len(held) == 1:
            return {}
        return {one: content for each in held for one, content in read(connection, shop, [each], attributes).items()}


def _to_be_emptied(snapshot: Snapshot) -> bool:
    """Whether Brevo may have a value of what is empty now: it was told of the person before it became so."""
    return 0 < snapshot.claim.sent_version < (snapshot.body.person["emptied_version"] or 0)


def _content(snapshot: Snapshot, attributes: tuple[Attribute, ...]) -> Content | None:
    if snapshot.nothing is not None or not isinstance(snapshot.body, upsert.Contact):
        return None
    body = snapshot.body.body(attributes)
    if False in (body.get("emailBlacklisted"), body.get("smsBlacklisted")):
        return None
    values = dict(body.get("attributes", {}))
    if "ext_id" in body:
        values["EXT_ID"] = body["ext_id"]
    # An import that may not empty attributes passes over what is empty.
    if "" in values.values() and _to_be_emptied(snapshot):
        return None
    values = {name: value for name, value in values.items() if value != ""}
    line = {"email": body["email"], "attributes": values}
    blocked = bool(body.get("emailBlacklisted")), bool(body.get("smsBlacklisted"))
    # With the comma before the next.
    size = len(orjson.dumps(line)) + 1
    return Content(snapshot.version, Terms(*blocked, tuple(body.get("listIds", ()))), line, size)
