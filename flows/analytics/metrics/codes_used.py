"""How many of the discount codes that a flow gives are used: codes of one's own, and one that everybody gets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from flows.analytics.metrics.metric import PERSON, WATCHED, WRITTEN_TO, Metric, Published, Watch, body

DAYS = 30
"""For so long after the first message with it, an order with a code that everybody gets counts."""
_OFFER = re.compile(r"shop\.offers\.(\w+)")


def _watches(published: Published, settings: Mapping[str, Any]) -> Sequence[Watch]:
    own: dict[str, list[str]] = {}
    shared: dict[str, list[str]] = {}
    for name, message in published.flow.messages.items():
        for coupon in message.coupons:
            own.setdefault(coupon, []).append(name)
        for offer in set(_OFFER.findall(body(published, name))):
            if code := (settings["offers"].get(offer) or {}).get("code"):
                shared.setdefault(code, []).append(name)
    return [
        *(Watch(tuple(messages), coupon=coupon) for coupon, messages in sorted(own.items())),
        *(Watch(tuple(messages), code=code) for code, messages in sorted(shared.items())),
    ]


_COUNTS = text(
    f"""
WITH {WATCHED}, written AS ({WRITTEN_TO}
), given AS (
    SELECT * FROM {PERSON} (
        SELECT person_id, run_id, name, redeemed_at, ends_at FROM coupons
        WHERE shop_id = :shop_id AND person_id = person.id AND made_at IS NOT NULL OFFSET 0
    ) AS mine
), codes AS (
    SELECT written.flow, written.at, given.redeemed_at IS NOT NULL AS hit,
        given.ends_at IS NULL OR given.ends_at > :now AS waits
    FROM written JOIN given USING (person_id, run_id) WHERE given.name = written.coupon
    UNION ALL
    SELECT written.flow, written.at, EXISTS (
        SELECT FROM orders CROSS JOIN LATERAL jsonb_array_elements_text(orders.discount_codes) AS used (code)
        WHERE orders.shop_id = :shop_id AND orders.person_id = written.person_id AND orders.created_at > written.at
            AND orders.created_at <= written.at + CAST(:within AS interval) AND upper(used.code) = upper(written.code)
    ), written.at + CAST(:within AS interval) > :now
    FROM written WHERE written.code <> ''
)
SELECT flow, '' AS who, CAST(at AT TIME ZONE CAST(:zone AS text) AS date) AS day, count(*) AS whole,
    count(*) FILTER (WHERE hit) AS hits, count(*) FILTER (WHERE waits AND NOT hit) AS waiting,
    CAST(0 AS numeric) AS amount
FROM codes GROUP BY flow, day
"""  # noqa: S608  of this package's own texts only
)

CODES_USED = Metric(
    name="codes_used",
    title="Discount codes used",
    says="Of the discount codes that a message of this flow has brought to people, those that an order came with. A"
    " code that everybody gets counts each time that somebody is sent it, and as used with an order of theirs within"
    f" {DAYS} days.",
    of="codes",
    counts=_COUNTS,
    watches=_watches,
    within=timedelta(days=DAYS),
    guides={"welcome": "10-15 %"},
    nobody="Nobody was sent a code yet. Codes come from a coupon step, or from an offer in the settings.",
)
