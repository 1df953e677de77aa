"""The claim: of somebody who was erased nothing is left, in any table, in Redis or in the logs; of the others, all."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import partial

import pytest
from sqlalchemy import LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from connector.db.session import transaction
from connector.models.event import pending_events
from connector.models.outbox import send_ledger
from connector.models.privacy import privacy_requests
from connector.models.store import orders
from sync.privacy import rows
from sync.privacy.field_map import FIELD_MAP
from tests.engine.installation import ConnectedShop, Installation
from tests.privacy.crowd import (
    GREETING,
    HELLO,
    Soul,
    Store,
    ask_for_help,
    buy,
    hits,
    redis_contents,
    report,
    shop_around,
    sign_up,
    tables,
)
from tests.privacy.rest import put_rest

GONE = [Soul(n) for n in range(20)]
STAYING = [Soul(n) for n in range(50, 53)]

# Columns that hold a word of ours or of a platform, never what somebody has typed.
WORDS = {
    "consents.state", "consent_ledger.state", "events.name", "events.source", "exit_marks.name", "feed.name",
    "identities.kind", "outbox.recipient_digest", "outbox.provider_message_id", "outbox.reported",
    # What arrived is marked in its bytes.
    "inbox.reason",
    # Of a flow's own words and events.
    "runs.outcome",
    # A status.
    "privacy_requests.reason",
    # In no bundle, which it is itself.
    "person_exports.sealed",
}  # fmt: skip


def live(product: Installation, store: Store, souls: Sequence[Soul]) -> ConnectedShop:
    """They sign up, shop, are written to and buy; what no platform brings about is written into the tables."""
    shop = product.connect(flows=[])
    shop.publish(GREETING, hello=HELLO)
    store.nodes = {f"gid://shopify/Customer/{soul.customer_id}": soul.node() for soul in souls}
    for soul in souls:
        sign_up(shop, soul)
    product.settle()
    for soul in souls:
        shop_around(shop, soul)
        ask_for_help(shop, soul)
    product.settle()
    for soul in souls:
        buy(shop, soul)
        report(shop, soul)
        soul.ask(shop)
    product.settle()
    # Under way while they are erased: a second message that waits, an event that is not decided.
    put_rest(shop, souls)
    return shop


def everything(shop: ConnectedShop) -> dict[str, str]:
    """All that is kept: the tables, and Redis."""
    return {**tables(shop.deps.settings.database_url), "redis": redis_contents(shop.deps.redis)}


def unmarked(shop: ConnectedShop, soul: Soul) -> list[str]:
    """Personal columns of text without this person's mark: of these an erasure would show nothing."""
    found = []
    with transaction(shop.deps.engine) as connection:
        for one in FIELD_MAP:
            for name in one.personal:
                column = one.table.c[name]
                if not isinstance(column.type, Text | JSONB | LargeBinary) or f"{one.name}.{name}" in WORDS:
                    continue
                said = f"encode({name}, 'escape')" if isinstance(column.type, LargeBinary) else f'"{name}"::text'
                given = {"mark": f"%{soul.mark}%", "number": f"%{soul.number}%"}
                if not connection.scalar(
                    text(f"SELECT EXISTS (SELECT 1 FROM {one.name} WHERE {said} ILIKE :mark OR {said} LIKE :number)"),
                    given,
                ):
                    found.append(f"{one.name}.{name}")
    return found


def left_of(shop: ConnectedShop, *souls: Soul) -> dict[str, dict[str, int]]:
    """{table, or Redis: {mark: how often}}, a table of partitions by its own name."""
    found: dict[str, dict[str, int]] = {}
    for name, said in everything(shop).items():
        for mark, count in hits(said, *souls).items():
            of_table = found.setdefault(_PARTITION.sub("", name), {})
            of_table[mark] = of_table.get(mark, 0) + count
    return found


_PARTITION = re.compile(r"_(other|\d{4}_\d{2})\Z")


def test_nothing_is_left(product: Installation, store: Store, logs: io.StringIO) -> None:
    shop = live(product, store, [*GONE, *STAYING])
    assert [unmarked(shop, soul) for soul in (GONE[0], GONE[-1])] == [[], []]
    others = left_of(shop, *STAYING)
    amounts = [(row.total, row.gross, row.currency) for row in shop.rows(orders)]
    for soul in GONE:
        soul.redact(shop)
    product.settle()
    # The store's number of an order is the key of the rows that keep its amount.
    assert left_of(shop, *GONE) == {name: {soul.mark: 1 for soul in GONE} for name in ("orders", "attributions")}
    assert [(row.total, row.gross, row.currency) for row in shop.rows(orders)] == amounts
    assert left_of(shop, *STAYING) == others
    assert hits(logs.getvalue(), *GONE, *STAYING) == {}
    assert "inbox_quarantined" in logs.getvalue()
    assert set(shop.contacts()) == {soul.email for soul in STAYING}
    assert {mail["email"] for mail in shop.account.state()["emails"]} == {soul.email for soul in STAYING}
    asked = [row.state for row in shop.rows(privacy_requests, kind="data_request")]
    assert (asked.count("cancelled"), asked.count("ready")) == (len(GONE), len(STAYING))
    for request in shop.rows(privacy_requests, kind="redact"):
        assert (request.state, request.named, request.sealed) == ("done", {}, None)
        assert request.receipt["brevo"]["contacts_deleted"] == 1
        assert request.receipt["deliveries"] > 8


@pytest.mark.long
def test_an_erasure_that_skips_tables_is_found(
    product: Installation, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: whichever table the erasure leaves out, the dump tells."""
    (gone,) = souls = [Soul(30)]
    shop = live(product, store, souls)
    skipped = {one.name for one in FIELD_MAP if one.personal} - {"inbox", "privacy_requests"}
    monkeypatch.setattr(rows, "erase", partial(rows.erase, held=()))
    gone.redact(shop)
    product.settle()
    # These hold a number of ours, a time or a word.
    nothing = {
        "pending_events", "webhook_deliveries", "send_ledger", "lists_left", "short_link_clicks", "attribution_marks",
    }  # fmt: skip
    assert skipped - set(left_of(shop, gone)) == nothing
    assert shop.rows(pending_events) == [] and shop.rows(send_ledger) != []
