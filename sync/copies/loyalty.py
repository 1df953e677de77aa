"""Where people stand, written to the metafields of a store that is the shop's source.

The store is read first. Each value is good only while the one that was read is still there (compareDigest of
metafieldsSet): another one that came between is read again and written over, because the programme has the say. Until
all is written the store's own word is the older one (``sync.loyalty.keeping``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from connector.errors import ConfigurationError, ProviderError, Refused, Retry
from connector.shopify.graphql import PartialData
from connector.shops import Shop
from sync.copies.resource import Also, Claim, Resource, Snapshot
from sync.copies.turn import DEFECTS, Turn
from sync.loyalty import port
from sync.loyalty.keeping import ENTITY
from sync.loyalty.metafields import changes
from sync.loyalty.standing import from_row

_STORE = "shopify"
# Somebody wrote between our reading and our writing.
_STALE = frozenset({"STALE_OBJECT", "INVALID_COMPARE_DIGEST"})
_STANDINGS = text(
    "SELECT loyalty_states.*, persons.customer_id FROM loyalty_states JOIN persons"
    " ON persons.shop_id = loyalty_states.shop_id AND persons.id = loyalty_states.person_id"
    " WHERE loyalty_states.shop_id = :shop_id AND loyalty_states.person_id = ANY(:ids)"
)
# What was decided since is still to be written.
_WRITTEN = (
    "UPDATE loyalty_states SET unwritten = false"
    " WHERE shop_id = :shop_id AND person_id = :written_of AND version = :written"
)


@dataclass(frozen=True)
class _Standing:
    """``values``: {field: value or None} that the store is to have."""

    customer: str
    values: dict[str, Any]


def read(connection: Connection, shop: Shop, held: Sequence[Claim]) -> dict[int, Snapshot]:
    """Where these people stand now."""
    by_id = {one.entity_id: one for one in held}
    rows = connection.execute(_STANDINGS, {"shop_id": shop.id, "ids": list(by_id)}).mappings()
    return {row["person_id"]: _snapshot(shop, by_id[row["person_id"]], dict(row)) for row in rows}


def _snapshot(shop: Shop, claim: Claim, row: dict[str, Any]) -> Snapshot:
    source = port.chosen(shop)
    nothing = None
    if source is None or not source.writes:
        nothing = "the store is not where loyalty data are kept"
    elif row["customer_id"] is None:
        nothing = "no customer of the store"
    body = _Standing(f"gid://shopify/Customer/{row['customer_id']}", dict(from_row(row).values))
    also = Also(_WRITTEN, {"written_of": claim.entity_id, "written": row["version"]}) if nothing else None
    return Snapshot(claim, row["version"], body, nothing, also=also)


def _send(turn: Turn, held: Sequence[Claim]) -> None:
    """One person after the other; what the store does not answer now is not tried with the next one either."""
    for snapshot in turn.read(read, held):
        try:
            note = _bring(turn, snapshot.body)
        except Refused as error:
            turn.refused(snapshot, error)
        except DEFECTS as error:
            turn.refused(snapshot, Refused(_STORE, f"cannot be written: {type(error).__name__}: {error}"))
        except (ConfigurationError, ProviderError) as error:
            # It says nothing about Brevo, so that the rest of the turn goes on.
            again = error if isinstance(error, Retry) else Retry(_STORE, str(error))
            turn.postpone(snapshot, again)
            return
        else:
            written = {"written_of": snapshot.claim.entity_id, "written": snapshot.version}
            turn.sent(snapshot, note, also=Also(_WRITTEN, written))
            # The store took it, which says nothing of Brevo.
            turn.accepted = False


def _bring(turn: Turn, wanted: _Standing) -> str:
    """Write what the store has otherwise; a note of it. Raises Refused, and Retry when somebody else was faster."""
    store, settings = turn.deps.store(turn.shop), turn.shop.settings["loyalty"]
    keys = port.metafield_keys(turn.shop)
    try:
        asked = {"id": wanted.customer, "keys": keys, "first": len(keys)}
        customer = store.query("customer_metafields", asked)["customer"]
    except PartialData as error:
        # Fields that we may not see are no proof that there are none.
        raise Retry(_STORE, str(error)) from error
    if customer is None:
        return "no such customer in the store"
    put, drop = changes(settings, wanted.customer, wanted.values, customer["metafields"]["nodes"])
    for document, inputs in (("metafields_set", put), ("metafields_delete", drop)):
        if not inputs:
            continue
        (answer,) = store.query(document, {"metafields": inputs}).values()
        problems = (answer or {}).get("userErrors") or []
        said = "; ".join(str(one.get("message")) for one in problems)
        if any(one.get("code") in _STALE for one in problems):
            raise Retry(_STORE, said)
        if problems:
            raise Refused(_STORE, said)
    return "written" if put or drop else "the store has it"


LOYALTY = Resource(ENTITY, 5, _send)
