"""What no story of the platforms brings about in so short a time, written into the tables past the product."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import insert, select, text

from connector.db.schema import metadata
from connector.db.session import transaction
from connector.models.person import persons
from tests.engine.installation import ConnectedShop
from tests.privacy.crowd import Soul

_PERSON = "person_id = :person"
# {table: (what is written with the mark, whose it is)} where the pipeline leaves a column without one.
_WRITTEN = {
    "outbox": ("reason = :mark", _PERSON),
    "attempts": (
        "detail = jsonb_build_object('message', CAST(:mark AS text))",
        "outbox_id IN (SELECT id FROM outbox WHERE outbox.shop_id = :shop AND person_id = :person)",
    ),
    "sync_state": ("reason = :mark", "entity_id = :person"),
    "fetches": ("reason = :mark", "remote_id = :customer"),
    "feed": ("reason = :mark", _PERSON),
    "runs": ("outcome = :mark", _PERSON),
    "goal_watches": ("match = :mark", _PERSON),
    "consents": ("level = :mark, source = :mark", _PERSON),
    "persons": ("timezone = :mark, country = :mark", "id = :person"),
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
    clock = {
        "kind": "signal", "owner": str(person_id), "key": soul.mark, "person_id": person_id, "token": "1",
        "due_at": now + timedelta(days=9), "payload": {"key": soul.token},
    }  # fmt: skip
    noted = {"person_id": person_id, "at": now, "code": "entered", "detail": {"of": soul.mark}}
    return [
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
        ("left_contacts", {"gone_id": nobody, "person_id": person_id, "email": soul.email}),
        ("timers", clock),
        ("trail", noted),
    ]
