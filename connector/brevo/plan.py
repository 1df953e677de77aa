"""How many emails the account's plan allows in a day, and who may use the last of them.

Brevo's free plan sends 300 emails a day (prices page, 2026-08); GET /account says how many are left. Prepaid and
monthly credits are no daily limit: when they are used up Brevo answers 402, which pauses the channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FREE_DAILY = 300


def daily_left(account: Mapping[str, Any]) -> int | None:
    """Emails left today by the answer to GET /account; None when the plan has no daily limit, or does not say."""
    plans = account.get("plan")
    for plan in plans if isinstance(plans, list) else []:
        if not isinstance(plan, Mapping) or plan.get("type") != "free" or plan.get("creditsType") != "sendLimit":
            continue
        credits = plan.get("credits")
        if isinstance(credits, int | float) and 0 <= credits <= FREE_DAILY:
            return int(credits)
    return None


def part_of_day(purpose: str, priority: int) -> int:
    """Percent of the day's emails that must not be used up yet for a message of this kind to leave.

    Transactional messages may use the whole day. Marketing of priority 0 stops when 60 % is used, of priority 100 at
    95 %, evenly in between: what is left near the end of the day goes to what matters more.
    """
    return 100 if purpose == "transactional" else 60 + 35 * min(max(priority, 0), 100) // 100
