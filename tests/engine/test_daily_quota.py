"""The plan's emails of the day: what matters less waits, what matters most gets the last ones."""

from __future__ import annotations

from collections import Counter

import pytest

from connector.brevo.client import BrevoAccount
from connector.brevo.credentials import ApiKey
from connector.brevo.limits import Limiter
from connector.brevo.plan import daily_left, part_of_day
from connector.models.outbox import outbox
from tests.engine.installation import HOUR, ConnectedShop, Installation
from tests.engine.shoppers import subscribe

MESSAGE = "---\nsubject: Hello\npurpose: {purpose}\ndeadline: {deadline}\n---\n<p>Hello</p>\n"
PEOPLE = 12
KINDS = {"bill": (50, "transactional"), "high": (100, "marketing"), "low": (0, "marketing")}


def flow(name: str, priority: int) -> str:
    return (
        f"flow: {name}\nname: {name}\ntrigger: {{on: newsletter_subscribed}}\npriority: {priority}\n"
        "cap: exempt\nsteps: [{email: hello}]\n"
    )


def crowd(product: Installation, daily: int | None, deadline: str = "4d") -> ConnectedShop:
    """Twelve people, each with a message of each kind due now."""
    shop = product.connect(flows=[], daily_emails=daily)
    for name, (priority, purpose) in KINDS.items():
        shop.publish(flow(name, priority), hello=MESSAGE.format(purpose=purpose, deadline=deadline))
    for number in range(1, PEOPLE + 1):
        subscribe(shop, f"p{number}@example.com", number)
    product.settle("intake", "fetch", "flows")
    assert len(shop.rows(outbox, state="due")) == 3 * PEOPLE
    return shop


def by_flow(shop: ConnectedShop) -> dict[str, int]:
    return dict(Counter(mail["tags"][0] for mail in shop.mails()))


def waiting(shop: ConnectedShop) -> set[tuple[str, str | None]]:
    return {(row.state, row.reason) for row in shop.rows(outbox) if row.state != "sent"}


def another_day(product: Installation, hours: int = 25) -> None:
    product.at(product.now + hours * HOUR)
    # 24 hours, and the slot of the window that is running.
    product.skip(hours * 3600 + 5400)
    product.settle("deliver")


def test_the_last_of_the_day_go_to_what_matters_most(product: Installation) -> None:
    """20 a day: marketing of priority 100 stops when 19 are used, of priority 0 at 12."""
    shop = crowd(product, 20)
    product.settle("deliver")
    assert by_flow(shop) == {"bill": 12, "high": 7}
    assert waiting(shop) == {("due", "daily_quota")}
    assert len(shop.mails()) == 19, "one is left for what is transactional"
    another_day(product)
    assert by_flow(shop) == {"bill": 12, "high": 12, "low": 7}
    another_day(product)
    assert by_flow(shop) == {"bill": 12, "high": 12, "low": 12} and waiting(shop) == set()


def test_without_parts_of_the_day_what_is_urgent_waits_behind_marketing(
    product: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr("flows.engine.quota.part_of_day", lambda *_: 100)
    shop = crowd(product, 20)
    product.settle("deliver")
    assert by_flow(shop) == {"high": 12, "bill": 8}


def test_what_waits_is_skipped_at_its_deadline(product: Installation) -> None:
    shop = crowd(product, 20, deadline="3h")
    product.settle("deliver")
    another_day(product, hours=4)
    assert waiting(shop) == {("skipped", "deadline")} and len(shop.mails()) == 19


def test_without_a_limit_all_leave_at_once(product: Installation) -> None:
    shop = crowd(product, None)
    product.settle("deliver")
    assert len(shop.mails()) == 3 * PEOPLE


def test_emptying_redis_does_not_give_the_day_again(product: Installation) -> None:
    shop = crowd(product, 20)
    product.settle("deliver")
    for key in product.deps.redis.keys("brevo:*"):
        product.deps.redis.delete(key)
    product.at(product.now + HOUR)
    product.settle("deliver")
    assert len(shop.mails()) == 19


def test_the_free_plan_is_learned_from_the_account(product: Installation) -> None:
    assert product.provider is not None
    account = product.provider.account(tier="general", daily_quota=7)
    settings, deps = product.deps.settings, product.deps
    ours = BrevoAccount(1, ApiKey(account.key), settings, deps.http, Limiter(deps.redis, product.clock))
    assert ours.grab_of_day(10, 100, None).calls == 10, "nothing is known yet"
    ours.learn_day(None)
    # Somebody else's sends count too: Brevo says what is left of all.
    account.send()
    assert ours.grab_of_day(10, part_of_day("marketing", 100), None).calls == 0, "7 of 300 are the last 5 %"
    grant = ours.grab_of_day(10, 100, None)
    assert grant.calls == 7
    ours.give_back_of_day(grant, 3)
    assert ours.grab_of_day(10, 100, None).calls == 3
    # The merchant's own figure goes before the plan's when it is lower.
    assert ours.grab_of_day(10, 100, 5).calls == 0
    product.skip(3_601)
    ours.learn_day(None)
    assert ours.grab_of_day(10, 100, None).calls == 6


@pytest.mark.parametrize(
    ("plan", "left"),
    [
        ([{"type": "free", "creditsType": "sendLimit", "credits": 250.0}], 250),
        ([{"type": "sms", "creditsType": "sendLimit", "credits": 15}, {"type": "free"}], None),
        ([{"type": "subscription", "creditsType": "sendLimit", "credits": 20_000}], None),
        # Not a day's number.
        ([{"type": "free", "creditsType": "sendLimit", "credits": 1_000_000}], None),
        ([{"type": "free", "creditsType": "sendLimit", "credits": "many"}], None),
        (None, None),
    ],
)
def test_what_the_account_says_of_the_day(plan: object, left: int | None) -> None:
    assert daily_left({"plan": plan}) == left


def test_parts_rise_with_priority() -> None:
    parts = [part_of_day("marketing", priority) for priority in range(101)]
    assert parts == sorted(parts) and (parts[0], parts[100]) == (60, 95)
    assert part_of_day("transactional", 0) == 100
