"""The words of a gap report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sync.reconcile.stretches import Found, sentences, stretches

SIX = datetime(2026, 11, 2, 18, 3, tzinfo=UTC)


def words(found: list[Found], **messages: int) -> list[str]:
    spells = stretches(found)
    for one in spells:
        one.messages = {"expired": 0, "delayed": 0, "late": 0, **messages}
    return sentences({"stretches": [one.to_json() for one in spells]}, ZoneInfo("UTC"))


def test_what_was_missed_is_told_by_stretches_of_time() -> None:
    orders = [Found("Order", "missed", SIX + timedelta(minutes=2 * n), "repaired") for n in range(42)]
    assert words(orders, expired=3) == [
        "2026-11-02 18:00-19:30: 42 orders were missed, 42 repaired; 3 messages expired, 0 sent late."
    ]


def test_what_lies_apart_is_told_apart_and_every_count_is_said() -> None:
    found = [
        Found("Order", "missed", SIX, "repaired"),
        Found("Order", "behind", SIX, "failed"),
        Found("Customer", "behind", SIX + timedelta(minutes=29), "repaired"),
        Found("Product", "missed", SIX + timedelta(hours=6), "repaired"),
    ]
    assert words(found, expired=1, delayed=2) == [
        "2026-11-02 18:00-18:40: 1 customer was out of date, 1 repaired; 1 order was missed and 1 were out of date,"
        " 1 repaired, 1 could not be; 1 message expired, 2 left late and in time, 0 sent late.",
        "2026-11-03 00:00-00:10: 1 product was missed, 1 repaired;"
        " 1 message expired, 2 left late and in time, 0 sent late.",
    ]
