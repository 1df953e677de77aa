"""What the calls of a batch came to is written down together; nobody pays for a neighbour that cannot be written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from connector.locks import lock_persons
from connector.models.outbox import attempts, outbox
from flows.channels import CHANNELS
from flows.channels.email import EMAIL
from flows.engine import dispatch
from tests.engine.installation import ConnectedShop, Installation
from tests.engine.shoppers import subscribe

PEOPLE = 6
FIRST = "p1@example.com"


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    """So many people have an email to be sent."""
    made = product.connect(flows=["welcome"])
    for number in range(1, PEOPLE + 1):
        subscribe(made, f"p{number}@example.com", number)
    product.settle("intake", "fetch", "flows")
    return made


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], str]) -> None:
    """The provider's answer is what ``answer`` makes of the recipient."""

    def send(account: Any, request: Any, leave_by: float) -> str:
        return answer(request["to"][0]["email"])

    monkeypatch.setitem(CHANNELS, "email", replace(EMAIL, send=send))


def states(shop: ConnectedShop) -> list[str]:
    return sorted(row.state for row in shop.rows(outbox))


def test_one_that_cannot_be_written_costs_the_others_nothing(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No text of PostgreSQL holds a zero byte.
    answering(monkeypatch, lambda to: "\x00" if to == FIRST else f"<{to}>")
    with pytest.raises(DBAPIError):
        dispatch.dispatch_due(shop.deps, shop.shop)
    assert states(shop) == ["leased"] + ["sent"] * (PEOPLE - 1)
    assert sorted(row.result for row in shop.rows(attempts)) == ["accepted"] * (PEOPLE - 1) + ["started"]


def test_who_is_held_by_another_is_waited_for_after_the_others(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody takes a person's lock between claim and record: the others do not wait."""
    held_back = shop.rows(outbox)[0].person_id
    holding, release = Event(), Event()

    def hold() -> None:
        with shop.scope() as scope:
            lock_persons(scope, [held_back])
            holding.set()
            release.wait(10)

    holder = Thread(target=hold)
    claim = dispatch.claim

    def claimed(*given: Any, **named: Any) -> Any:
        found = claim(*given, **named)
        holder.start()
        assert holding.wait(10)
        return found

    monkeypatch.setattr(dispatch, "claim", claimed)
    answering(monkeypatch, lambda to: f"<{to}>")
    worker = Thread(target=dispatch.dispatch_due, args=(shop.deps, shop.shop))
    worker.start()
    try:
        for _ in range(100):
            if states(shop).count("sent") == PEOPLE - 1:
                break
            release.wait(0.05)
        assert states(shop) == ["leased"] + ["sent"] * (PEOPLE - 1)
    finally:
        release.set()
        worker.join(10)
        holder.join(10)
    assert states(shop) == ["sent"] * PEOPLE


def recordings(shop: ConnectedShop) -> int:
    """How many times the answers of a batch are written into the trails."""
    written: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO trail"):
            written.append(statement)

    event.listen(shop.deps.engine, "before_cursor_execute", note)
    try:
        dispatch.dispatch_due(shop.deps, shop.shop)
    finally:
        event.remove(shop.deps.engine, "before_cursor_execute", note)
    assert states(shop) == ["sent"] * PEOPLE
    return len(written)


@pytest.mark.parametrize("together", [True, False])
def test_what_is_answered_at_once_is_written_at_once(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    """Control: recorded one by one, each is written for itself."""
    answering(monkeypatch, lambda to: f"<{to}>")
    if not together:
        monkeypatch.setattr(dispatch, "_record_together", lambda deps, shop, answered: list(answered))
    assert (recordings(shop) < PEOPLE) == together
