"""What a sync is about is said in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync.reruns import What

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (What("contact", person=7), "contact of person 7"),
        (What("orders", person=7, only_brevo=True), "orders of person 7, only told to Brevo"),
        (What("orders", object="#1001"), "orders #1001"),
        (What("contact", ids=(1,)), "1 contact again"),
        (What("orders", ids=(1, 2)), "2 orders again"),
        (What("contact", since=NOON), "contacts changed from 2026-11-22 12:00 UTC"),
        (
            What("products", since=NOON, until=NOON),
            "products changed from 2026-11-22 12:00 UTC to 2026-11-22 12:00 UTC",
        ),
        (What("contact"), "contact of somebody who was erased"),
    ],
)
def test_a_sync_is_named(what: What, said: str) -> None:
    assert what.about == said
