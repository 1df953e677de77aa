"""Draft orders: told, not projected. What becomes of one is an order of its own, whose source is a draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connector import eventlog
from connector.eventlog import Fact
from connector.scope import Scope
from sync import customers, fetch, people


def told(scope: Scope, payload: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> None:
    """Say what this state of a draft tells: made, sent for payment, completed."""
    customer = payload["customer"]
    found = customers.buyer(scope, customer, payload["email"] or (customer or {}).get("email"))
    person_id = found.person_id if found else None
    if found and found.created and customer:
        fetch.wish(scope, "Customer", customer["id"])
    draft_id = payload["id"]
    if person_id is not None:
        people.attach(scope, person_id, [("draft_order", str(draft_id))])
    total = payload["total_price"]
    props = {
        "draft_order_id": draft_id,
        "draft_order_name": payload["name"],
        "order_id": payload["order_id"],
        "total": None if total is None else str(total),
        "currency": payload["currency"],
        "items": list(items),
        "invoice_url": payload["invoice_url"],
        "excluded": _excluded(scope),
    }
    created_at = payload["created_at"] or payload["updated_at"] or scope.now
    facts = [_fact("draft_order_created", "created", created_at, draft_id, person_id, props)]
    if payload["invoice_sent_at"]:
        at = payload["invoice_sent_at"]
        # Sent once more is a new fact.
        facts.append(_fact("draft_order_invoiced", f"invoiced:{at.isoformat()}", at, draft_id, person_id, props))
    if payload["completed_at"]:
        facts.append(_fact("draft_order_completed", "completed", payload["completed_at"], draft_id, person_id, props))
    eventlog.append(scope, facts)


def deleted(scope: Scope, draft_id: int, at: datetime) -> None:
    """A draft was thrown away."""
    person_id = people.person_of(scope, "draft_order", str(draft_id))
    props = {"draft_order_id": draft_id, "excluded": _excluded(scope)}
    eventlog.append(scope, [_fact("draft_order_deleted", "deleted", at, draft_id, person_id, props)])


def _excluded(scope: Scope) -> str | None:
    return None if scope.shop.settings["include_draft_orders"] else "draft"


def _fact(name: str, part: str, at: datetime, draft_id: int, person_id: int | None, props: Mapping[str, Any]) -> Fact:
    subject = f"draft_order:{draft_id}"
    return Fact(name, f"{subject}:{part}", at, subject, person_id, props=props)
