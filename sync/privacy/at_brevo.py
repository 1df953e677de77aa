"""Brevo's part of an erasure: the contact goes, and so do its records of the messages that were sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import text

from connector.brevo.client import BrevoAccount
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.shops import Shop, load
from sync import people
from sync.privacy.rows import Erased, Unanswered
from sync.privacy.traces import Traces

# A call waits so long for its turn, in machine seconds.
_PATIENCE = 2.0
_SEALED_AS = "privacy"


@dataclass(frozen=True)
class Needed:
    """What is still needed of the person when its rows are gone: the names to look for in deliveries, and what Brevo
    knows the person by. ``contacts``: (identifier, identifier type); ``messages``: ids of Brevo; ``unanswered``:
    messages that it may have taken. Until ``quiet_from`` (machine time) a call that began before the erasure may be
    under way."""

    names: tuple[tuple[str, str], ...]
    contacts: tuple[tuple[str, str], ...]
    messages: tuple[str, ...]
    quiet_from: datetime
    unanswered: tuple[Unanswered, ...] = ()

    @classmethod
    def of(cls, traces: Traces, erased: Erased) -> Needed:
        contacts = [(email, "email_id") for email in traces.values("email")]
        contacts += [(customer, "ext_id") for customer in traces.values("customer")]
        names = tuple(sorted(traces.names))
        return cls(names, tuple(contacts), erased.messages, erased.quiet_from, erased.unanswered)

    def seal(self, deps: Deps, shop: Shop) -> str:
        return deps.secrets.encrypt(shop.id, _SEALED_AS, orjson.dumps(asdict(self)).decode())

    @classmethod
    def open(cls, deps: Deps, shop: Shop, sealed: str) -> Needed:
        """Raises ConfigurationError when no key opens it."""
        said: Mapping[str, Any] = orjson.loads(deps.secrets.decrypt(shop.id, _SEALED_AS, sealed))
        quiet_from = datetime.fromisoformat(said["quiet_from"])
        # Not there in what was sealed by a version before.
        unanswered = tuple(Unanswered(**one) for one in said.get("unanswered", ()))
        return cls(_pairs(said["names"]), _pairs(said["contacts"]), tuple(said["messages"]), quiet_from, unanswered)


def _pairs(said: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(first), str(second)) for first, second in said)


def forget(deps: Deps, shop: Shop, needed: Needed) -> dict[str, Any]:
    """Have Brevo forget the person; {what: how many}. What it does not know (any more) is no error.

    ``messages_in_flight``: those of which nobody had read the answer, {our key: whether Brevo had taken it, so that
    its record was deleted}.

    Raises the ProviderError of the call that failed; whatever was deleted before is not there when it is tried again.
    """
    account = deps.brevo(shop)
    counts: dict[str, Any] = {
        "contacts_deleted": 0,
        "contacts_unknown": 0,
        "messages_deleted": 0,
        "messages_unknown": 0,
    }
    for identifier, kind in needed.contacts:
        account.await_turn("contacts", _PATIENCE)
        counts["contacts_deleted" if account.delete_contact(identifier, kind) else "contacts_unknown"] += 1
    found = _in_flight(account, needed, deps.clock.now())
    for message_id in (*needed.messages, *filter(None, found.values())):
        account.await_turn("smtp", _PATIENCE)
        counts["messages_deleted" if account.delete_message_log(message_id) else "messages_unknown"] += 1
    if found:
        counts["messages_in_flight"] = {key: message_id is not None for key, message_id in found.items()}
    return counts


def _in_flight(account: BrevoAccount, needed: Needed, now: datetime) -> dict[str, str | None]:
    """{key of a message that may have been taken: Brevo's id of it, None when its log has none}."""
    found: dict[str, str | None] = {one.key: None for one in needed.unanswered}
    if not found:
        return {}
    day = timedelta(days=1)
    # The log's days are the account's, and it is asked for at most a month.
    since = date.fromisoformat(min(one.since for one in needed.unanswered)) - day
    start = max(since, now.date() - 29 * day).isoformat()
    for email in (identifier for identifier, kind in needed.contacts if kind == "email_id"):
        account.await_turn("email_log", _PATIENCE)
        for row in account.emails(email, start, (now + day).date().isoformat()):
            for key in found.keys() & set(row.get("tags") or ()):
                found[key] = str(row.get("messageId") or "") or None
    return found


def restore_for_others(deps: Deps, shop: Shop, needed: Needed) -> int:
    """Other shops with the same account at Brevo may know the same address: theirs is told anew, without what this shop
    had told. Returns in how many shops."""
    emails = [identifier for identifier, kind in needed.contacts if kind == "email_id"]
    with autocommitted(deps.engine) as connection:
        others = connection.execute(_OTHERS, {"shop_id": shop.id, "emails": emails}).all()
        shops = {row.shop_id: load(connection, row.shop_id) for row in others}
    for row in others:
        with deps.open(shops[row.shop_id]) as scope:
            people.touch(scope, row.person_id)
    return len(shops)


# Crosses shops, and only reads.
_OTHERS = text(
    """
SELECT identities.shop_id, identities.person_id FROM shops
JOIN shops AS other ON other.brevo_account = shops.brevo_account AND other.id <> shops.id
JOIN identities ON identities.shop_id = other.id AND identities.kind = 'email'
    AND identities.value = ANY(CAST(:emails AS text[]))
WHERE shops.id = :shop_id
"""
)
