"""What no story of the platforms brings about in so short a time, written into the tables past the product."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, insert, select, text

from connector.db.schema import metadata
from connector.db.session import transaction
from connector.models.outbox import outbox
from connector.models.person import persons
from tests.engine.installation import ConnectedShop
from tests.privacy.crowd import Soul

_PERSON = "person_id = :person"
# {table: (what is written with the mark, whose it is)} where the pipeline leaves a column without one.
_WRITTEN = {
    "outbox": ("reason = :mark, data = jsonb_build_object('data', CAST(:mark AS text))", _PERSON),
    "attempts": (
        "detail = jsonb_build_object('message', CAST(:mark AS text))",
        "outbox_id IN (SELECT id FROM outbox WHERE outbox.shop_id = :shop AND person_id = :person)",
    ),
    # It is compressed: nobody would find in it what is left.
    "message_contents": (
        "content = convert_to(:mark, 'UTF8')",
        "outbox_id IN (SELECT id FROM outbox WHERE outbox.shop_id = :shop AND person_id = :person)",
    ),
    "sync_state": ("reason = :mark", "entity_id = :person"),
    "fetches": ("reason = :mark", "remote_id = :customer"),
    "feed": ("reason = :mark", _PERSON),
    "goal_watches": ("match = :mark", _PERSON),
    "consents": ("level = :mark, source = :mark", _PERSON),
    # What they searched for.
    "activities": ("state = jsonb_build_object('search', CAST(:mark AS text))", _PERSON),
    "orders": ("status_url = :mark", _PERSON),
    "persons": (
        "timezone = :mark, country = :mark, region = :mark, figures_hold = jsonb_build_array(jsonb_build_object("
        "'id', 1, 'at', '2026-01-01T00:00:00+00:00', 'amount', CAST(:mark AS text)))",
        "id = :person",
    ),
}


def put_rest(shop: ConnectedShop, souls: Sequence[Soul]) -> None:
    """Columns and rows that only trouble, staff or time fill, with the mark of each of them."""
    with transaction(shop.deps.engine) as connection:
        query = select(persons.c.email, persons.c.id).where(persons.c.shop_id == shop.id)
        ids = {row.email: row.id for row in connection.execute(query)}
        for soul in souls:
            given = {"mark": soul.mark, "shop": shop.id, "person": ids[soul.email], "customer": soul.customer_id}
            for name, (written, whose) in _WRITTEN.items():
                connection.execute(text(f"UPDATE {name} SET {written} WHERE shop_id = :shop AND {whose}"), given)
            for name, row in _rows(soul, ids[soul.email], shop):
                connection.execute(insert(metadata.tables[name]).values(shop_id=shop.id, **row))


def _rows(soul: Soul, person_id: int, shop: ConnectedShop) -> list[tuple[str, dict[str, Any]]]:
    now, nobody = shop.installation.now, 10**6 + soul.n
    run = {
        "entity": "contact", "what": {"email": soul.email}, "person_id": person_id, "state": "done", "asked_by": "cli",
        "done": 1, "changed": 0, "unchanged": 1, "failed": 0, "read_all": True, "due_real": now, "attempts": 0,
        "reason": soul.says("said"), "asked_at": now,
    }  # fmt: skip
    failure = {"run_id": 1, "record_id": soul.customer_id, "person_id": person_id, "stage": "here", "reason": soul.mark}
    part = {"backfill_id": 1, "kind": "customers"}
    line = {"parent_id": soul.customer_id, "child": False, "seq": soul.n, "body": orjson.dumps(soul.node()).decode()}
    whose = {"customer_id": soul.customer_id, "email": soul.email}
    unread = {"record_id": soul.customer_id, "customer_id": soul.customer_id, "reason": soul.mark, "failed_at": now}
    gap = {"finding": "missed", "state": "open"}
    evidence = {
        "person_id": person_id, "channel": "email", "state": "subscribed", "level": soul.says("level"),
        "source": soul.says("form"), "evidence_at": now, "recorded_at": now, "verdict": "older",
        "evidence": {"text": soul.says("words")},
    }  # fmt: skip
    asked = {"person_id": person_id, "ledger_id": 1, "n": 1, "asked_at": now, "outcome": soul.says("answer")}
    merge = {"person_id": person_id, "gone_id": nobody, "reason": soul.says("why"), "at": now, "moved": {}}
    doubt = {
        "kind": "phone", "value": soul.phone, "person_id": person_id, "other_id": nobody, "noted_at": now,
        "resolution": soul.says("decided"),
    }  # fmt: skip
    stands = {
        "person_id": person_id, "points": soul.number, "tier": soul.says("tier"), "reward": soul.says("reward"),
        "last_tier": soul.says("tier before"), "told": {"tier": {"source": soul.mark}}, "changed_at": now,
        "expires_at": now, "version": 1, "unwritten": False,
    }  # fmt: skip
    subscribed = {
        "subscription": f"{soul.mark}-{soul.n}", "person_id": person_id, "active": True, "plan": soul.says("plan"),
        "product_id": soul.number, "renews_at": now, "told_at": now,
    }  # fmt: skip
    wrote = {
        "review_id": f"{soul.mark}-{soul.n}", "person_id": person_id, "product_id": soul.number, "rating": 5,
        "text": soul.says("review"), "author": soul.says("signed"), "published": True, "told_at": now,
    }  # fmt: skip
    member = {"person_id": person_id, "segment_id": soul.number, "member": True, "told_at": now}
    clock = {
        "kind": "signal", "owner": str(person_id), "key": soul.mark, "person_id": person_id, "token": "1",
        "due_at": now + timedelta(days=9), "payload": {"key": soul.token},
    }  # fmt: skip
    theirs = (outbox.c.shop_id == shop.id) & (outbox.c.person_id == person_id)
    message = select(func.min(outbox.c.id)).where(theirs).scalar_subquery()
    link = {"outbox_id": message, "created_at": now}
    told = {
        "id": person_id, "endpoint_id": 1, "event_id": UUID(int=soul.number), "occurred_at": now,
        "person_id": person_id, "state": "failed", "made_real": now, "due_real": now, "attempts": 1, "tries": 1,
    }  # fmt: skip
    tried = {"delivery_id": person_id, "n": 1, "started_real": now, "milliseconds": 1}
    bought = {"variant": 0, "person_id": person_id, "outbox_id": message, "order_id": soul.order_id}
    owed = {
        "order_id": soul.order_id, "person_id": person_id, "outbox_id": message, "flow": "leads", "version": 1,
        "step": "hello", "message": "hello", "channel": "email", "touch": "opened", "touched_at": now, "placed_at": now,
        "amount": 1, "refunded": 0,
    }  # fmt: skip
    noted = {"person_id": person_id, "at": now, "code": "entered", "detail": {"of": soul.mark}}
    to_do = {
        "outbox_id": message, "person_id": person_id, "run_id": UUID(int=soul.number), "flow": "leads", "step": "task",
        "title": soul.says("title"), "details": soul.says("details"), "state": "open", "made_at": now,
    }  # fmt: skip
    # It is encrypted: nobody would find in it what is left.
    handed = {"request_id": nobody, "part": 0, "person_id": person_id, "sealed": soul.mark, "ends_real": now}
    news = {"signal_id": 1, "person_id": person_id, "variant_id": soul.number, "why": soul.mark}
    alert = {
        "product_id": soul.number, "person_id": person_id, "variant_id": soul.number, "asked_at": now,
        "state": "refused", "reason": soul.says("said"), "attempts": 1, "due_real": now,
    }  # fmt: skip
    return [
        ("catalogue_signal_people", news),
        ("product_alerts", alert),
        ("attributions", owed),
        ("attribution_marks", {"person_id": person_id}),
        ("sync_runs", run),
        ("sync_run_failures", {**failure, "failed_at": now}),
        ("backfill_lines", {**part, **line, **whose}),
        ("backfill_failures", {**part, **unread}),
        ("gaps", {"report_id": 1, "kind": "Customer", "record_id": soul.customer_id, **gap, "changed_at": now}),
        ("consent_ledger", evidence),
        ("double_opt_ins", asked),
        ("person_merges", merge),
        ("identity_conflicts", doubt),
        ("profile_fields", {"person_id": person_id, "source": "customer.note", "value": soul.says("note")}),
        ("loyalty_states", stands),
        ("segment_members", member),
        ("subscriptions", subscribed),
        ("reviews", wrote),
        ("left_contacts", {"gone_id": nobody, "person_id": person_id, "email": soul.email}),
        ("timers", clock),
        ("webhook_deliveries", told),
        ("webhook_attempts", {**tried, "answer": soul.says("heard"), "error": soul.says("trouble")}),
        ("trail", noted),
        ("tasks", to_do),
        ("coupons", {"code": f"CODE{soul.n}", "state": "made", "terms": {}, **bought, "created_at": now}),
        ("person_exports", handed),
        ("short_links", {"id": f"link{soul.n}", "target": f"https://goods.example/{soul.mark}", **link}),
        ("short_link_clicks", {"link_id": f"link{soul.n}", "n": 1, "outbox_id": message, "clicked_at": now}),
    ]
