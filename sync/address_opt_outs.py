"""Opt-outs that are told of an address or a number, whoever has it: Brevo's blocklists name people whom the store has
not mentioned yet.

Each is kept as a digest. Whoever has the address, or comes to have it, gets the opt-out into their consent with the
time that it was told with, so that what they agree to later counts and what they agreed to before does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import insert

from connector import ahead
from connector.db.rows import among
from connector.locks import lock_persons
from connector.models.survey import address_opt_outs
from connector.scope import Scope
from connector.suppression import address_digest
from sync import consent


@dataclass(frozen=True)
class OptOut:
    """``channel``: email, sms or whatsapp; ``address``: an email in lower case, or a number as +4915...; ``state``: one
    of OPT_OUTS of ``sync.consent``; ``since``: when they opted out, or by when they had.
    """

    channel: str
    address: str
    state: str
    since: datetime


def learn(scope: Scope, told: Sequence[OptOut], source: str) -> int:
    """Keep these opt-outs and give them to whoever has these addresses; returns how many are new to us.

    The caller holds the shop's NORMALISE lock, so that nobody gets one of the addresses meanwhile. What is known as of
    the same time or later changes nothing.
    """
    newest: dict[tuple[str, str], OptOut] = {}
    for one in sorted(told, key=lambda one: (one.since, one.state == "undeliverable")):
        newest[one.channel, address_digest(scope.shop.salt, one.address)] = one
    if not newest:
        return 0
    rows = [
        {
            "shop_id": scope.shop_id,
            "channel": channel,
            "address_digest": digest,
            "state": one.state,
            "source": source,
            "since": one.since,
        }
        for (channel, digest), one in sorted(newest.items())
    ]
    statement = insert(address_opt_outs).values(rows)
    fresh = statement.excluded
    written = scope.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["shop_id", "channel", "address_digest"],
            set_={"state": fresh.state, "source": fresh.source, "since": fresh.since},
            where=address_opt_outs.c.since < fresh.since,
        ).returning(address_opt_outs.c.channel, address_opt_outs.c.address_digest)
    ).all()
    new = [newest[row.channel, row.address_digest] for row in written]
    having = _having(scope, {one.address for one in new})
    lock_persons(scope, [person_id for people in having.values() for person_id in people])
    for one in new:
        for person_id in having.get(one.address, ()):
            _record(scope, person_id, one.channel, one.state, source, one.since)
    return len(new)


def digests(salt: bytes, addresses: Iterable[str | None]) -> list[str]:
    """What these addresses are looked for by."""
    return [address_digest(salt, one) for one in addresses if one]


def meet(scope: Scope, person_id: int, addresses: Collection[str | None]) -> None:
    """This person has these addresses now: what was told of them is theirs."""
    for told in told_of(scope, digests(scope.shop.salt, addresses)).values():
        for one in told:
            _record(scope, person_id, one.channel, one.state, one.source, one.since)


def told_of(scope: Scope, digested: Sequence[str]) -> dict[str, list[ahead.OptOut]]:
    """{digest: what was told of that address}, for each of these."""
    found = {one: list(scope.ahead.opt_outs.get(one, ())) for one in digested}
    unread = [one for one in found if one not in scope.ahead.opt_outs]
    if unread:
        for row in scope.connection.execute(_TOLD, {"shop_id": scope.shop_id, "digests": unread}):
            found[row.address_digest].append(ahead.OptOut(row.channel, row.state, row.source, row.since))
    return found


def _record(scope: Scope, person_id: int, channel: str, state: str, source: str, since: datetime) -> None:
    evidence = {"told_of": "the address"}
    consent.record(scope, person_id, channel, state, source=source, evidence_at=since, evidence=evidence)


_TOLD = select(
    address_opt_outs.c.address_digest,
    address_opt_outs.c.channel,
    address_opt_outs.c.state,
    address_opt_outs.c.source,
    address_opt_outs.c.since,
).where(address_opt_outs.c.shop_id == bindparam("shop_id"), among(address_opt_outs.c.address_digest, "digests"))


def _having(scope: Scope, addresses: Collection[str]) -> dict[str, list[int]]:
    """{address: ids of those who have it}: one of an email, of a number perhaps a family."""
    found: dict[str, list[int]] = {}
    for row in scope.connection.execute(_HAVING, {"shop_id": scope.shop_id, "addresses": sorted(addresses)}):
        found.setdefault(row.address, []).append(row.person_id)
    return found


_HAVING = text(
    """
SELECT value AS address, person_id FROM identities
WHERE shop_id = :shop_id AND kind = 'email' AND value = ANY(CAST(:addresses AS text[]))
UNION SELECT email, id FROM persons WHERE shop_id = :shop_id AND email = ANY(CAST(:addresses AS text[]))
UNION SELECT phone, id FROM persons WHERE shop_id = :shop_id AND phone = ANY(CAST(:addresses AS text[]))
ORDER BY person_id
"""
)
