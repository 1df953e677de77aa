"""A person followed the link of a confirmation mail: their opt-in is a confirmed one."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam, select

from connector.confirmation import Confirmation
from connector.locks import lock_persons
from connector.models.person import consent_ledger, consents, double_opt_ins, persons
from connector.scope import Scope
from connector.suppression import address_digest
from flows.core.permission import CART, OWN
from sync import consent
from sync.consent_evidence import CONFIRMED, SUBSCRIBED

SOURCE = "double_opt_in"


def confirm(scope: Scope, link: Confirmation, address: str) -> bool:
    """Confirm the opt-in that the link is about, if it still stands; whether the person is subscribed now.

    What else they agreed to get by email is confirmed with it: the address is theirs. An old link does not undo an
    opt-out that came after it. ``address``: of whoever followed the link; a digest of it is kept as evidence.
    """
    whose = {"shop_id": scope.shop_id, "person_id": link.person_id, "ledger_id": link.ledger_id}
    asked = scope.connection.execute(_ASKED, whose).first()
    if asked is None:
        return False
    lock_persons(scope, [link.person_id])
    current = {row.purpose: row for row in scope.connection.execute(_CURRENT, whose)}
    own = current.get(OWN["email"])
    if own is None or own.state != SUBSCRIBED:
        return False
    if own.level == CONFIRMED:
        return True
    for purpose in (OWN["email"], CART):
        row = current.get(purpose)
        if row is None or row.state != SUBSCRIBED or row.level == CONFIRMED:
            continue
        consent.record(
            scope,
            link.person_id,
            "email",
            SUBSCRIBED,
            purpose=purpose,
            source=SOURCE,
            # They confirm what is on record, so it is later than that, whatever clock wrote it.
            evidence_at=max(scope.now, row.evidence_at + timedelta(microseconds=1)),
            level=CONFIRMED,
            evidence={
                "confirms": link.ledger_id,
                "asked_at": asked.asked_at.isoformat(),
                "ip_digest": address_digest(scope.shop.salt, address),
            },
        )
    return True


_ASKED = (
    select(double_opt_ins.c.asked_at)
    .join(
        consent_ledger,
        (consent_ledger.c.shop_id == double_opt_ins.c.shop_id) & (consent_ledger.c.id == double_opt_ins.c.ledger_id),
    )
    .join(persons, (persons.c.shop_id == double_opt_ins.c.shop_id) & (persons.c.id == double_opt_ins.c.person_id))
    .where(
        double_opt_ins.c.shop_id == bindparam("shop_id"),
        double_opt_ins.c.person_id == bindparam("person_id"),
        double_opt_ins.c.ledger_id == bindparam("ledger_id"),
        persons.c.erased_at.is_(None),
    )
    .order_by(double_opt_ins.c.n.desc())
    .limit(1)
)
_CURRENT = select(consents.c.purpose, consents.c.state, consents.c.level, consents.c.evidence_at).where(
    consents.c.shop_id == bindparam("shop_id"),
    consents.c.person_id == bindparam("person_id"),
    consents.c.channel == "email",
)
