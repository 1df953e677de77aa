"""Consent that the store has not heard of, written to it: opt-outs from Brevo, from our page and from staff.

Before anything is written the store is read: what it has already, or knows better, is left. What we write comes back
as a webhook with the same time, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from connector.errors import ConfigurationError, ProviderError, RateLimited, Refused, Retry
from connector.shopify.graphql import PartialData
from connector.shops import Shop
from sync import fetch
from sync.consent import STORE
from sync.consent_evidence import IMPLIED, SUBSCRIBED
from sync.copies.resource import Claim, Resource, Snapshot
from sync.copies.turn import DEFECTS, Turn
from sync.mapping.store_consent import Nothing, Wanted, change, told

CHANNELS = ("email", "sms", "whatsapp")
_STORE = "shopify"

_CONSENTS = text(
    """
SELECT persons.id, persons.customer_id, persons.erased_at, consents.channel, consents.state, consents.level,
    consents.source, consents.evidence_at, (
        -- Of one moment, an import and somebody who was there may both say it: then it is no mere import.
        SELECT bool_and(consent_ledger.verdict = 'import') FROM consent_ledger
        WHERE consent_ledger.shop_id = persons.shop_id
            AND consent_ledger.person_id = persons.id AND consent_ledger.channel = consents.channel
            AND consent_ledger.purpose = consents.purpose AND consent_ledger.evidence_at = consents.evidence_at
            AND consent_ledger.state = consents.state AND consent_ledger.source = consents.source
    ) AS imported
FROM persons LEFT JOIN consents ON consents.shop_id = persons.shop_id AND consents.person_id = persons.id
    AND (consents.channel, consents.purpose) IN (('email', 'newsletter'), ('sms', 'sms'), ('whatsapp', 'whatsapp'))
WHERE persons.shop_id = :shop_id AND persons.id = ANY(:ids)
"""
)


@dataclass
class _Customer:
    """Whose consent it is, and {channel: what the store has not said itself}."""

    customer_id: int
    wanted: dict[str, Wanted]


def read(connection: Connection, shop: Shop, held: Sequence[Claim]) -> dict[int, Snapshot]:
    """What these people have said elsewhere than in the store."""
    by_id = {one.entity_id: one for one in held}
    rows = connection.execute(_CONSENTS, {"shop_id": shop.id, "ids": list(by_id)}).all()
    found: dict[int, Snapshot] = {}
    for row in rows:
        if row.id not in found:
            found[row.id] = _snapshot(shop, by_id[row.id], row)
        # The store may know of an opt-out that a bulk import does not.
        weak = row.state == SUBSCRIBED and (row.imported or row.level == IMPLIED)
        if row.channel is not None and row.source not in STORE and not weak:
            found[row.id].body.wanted[row.channel] = Wanted(row.state, row.level, row.evidence_at)
    return found


def _snapshot(shop: Shop, held: Claim, row: Any) -> Snapshot:
    nothing = None
    if not shop.settings["consent_to_store"]:
        nothing = "consent_to_store is off"
    elif row.erased_at is not None:
        nothing = "erased"
    elif row.customer_id is None:
        nothing = "no customer of the store"
    return Snapshot(held, held.wanted_version, _Customer(row.customer_id, {}), nothing)


def _send(turn: Turn, held: Sequence[Claim]) -> None:
    """One person after the other. What the store does not answer now is not tried with the next one either; it says
    nothing about Brevo, so that the rest of the turn goes on."""
    for snapshot in turn.read(read, held):
        try:
            notes = _bring(turn, snapshot)
        except Refused as error:
            turn.refused(snapshot, error)
        except DEFECTS as error:
            turn.refused(snapshot, Refused(_STORE, f"cannot be written: {type(error).__name__}: {error}"))
        except ConfigurationError as error:
            turn.postpone(snapshot, Retry(_STORE, str(error)))
            return
        except ProviderError as error:
            # Whatever is wrong with the store's token is no reason to stop telling Brevo.
            again = error if isinstance(error, Retry) else Retry(_STORE, error.detail, status=error.status)
            turn.postpone(snapshot, again)
            return
        else:
            if isinstance(notes, float):
                turn.postpone(snapshot, RateLimited(_STORE, "until it is no news to the store", after=notes))
            else:
                turn.sent(snapshot, notes)
                # The store took it, which says nothing of Brevo.
                turn.accepted = False


def _bring(turn: Turn, snapshot: Snapshot) -> str | float:
    """Write what the store lacks; a note of what was done, or machine seconds to wait for the rest."""
    customer: _Customer = snapshot.body
    if not customer.wanted:
        return "the store's own word"
    store = turn.deps.store(turn.shop)
    try:
        nodes = store.query("customers", {"ids": [f"gid://shopify/Customer/{customer.customer_id}"]}).get("nodes")
    except PartialData as error:
        # Fields that we may not see are no proof of an empty consent.
        raise Retry(_STORE, str(error)) from error
    node = next((one for one in nodes or () if one), None)
    if node is None:
        return "no such customer in the store"
    now, waits, notes, refused = turn.deps.clock.now(), [], [], []
    for channel, wanted in sorted(customer.wanted.items()):
        may_welcome = turn.shop.settings["store_may_welcome"]
        what = change(customer.customer_id, channel, wanted, told(node, channel), now, may_welcome=may_welcome)
        if isinstance(what, Nothing):
            notes.append(f"{channel}: {what.reason}")
            if what.ask:
                with turn.deps.open(turn.shop) as scope:
                    fetch.wish(scope, "Customer", customer.customer_id)
        elif what.wait:
            waits.append(what.wait.total_seconds())
        else:
            (answer,) = store.query(what.document, what.variables).values()
            problems = (answer or {}).get("userErrors") or []
            refused += [f"{channel}: {one.get('message')}" for one in problems]
            notes += [] if problems else [f"{channel}: written"]
    if refused:
        raise Refused(_STORE, "; ".join(refused))
    return min(waits) if waits else "; ".join(notes)


STORE_CONSENT = Resource("store_consent", 5, _send)
