"""Too many complaints stop the marketing emails of a shop, and nothing else, until staff let them go on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner

from connector import pauses
from connector.cli.channel import channel as command
from connector.models.outbox import outbox
from connector.models.report import complaint_brakes
from connector.models.staff import audit_log
from sync.reports import brake
from tests.engine.installation import HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import reported
from tests.engine.shoppers import subscribe

MESSAGE = "---\nsubject: Hello\npurpose: {purpose}\ndeadline: 9d\n---\n<p>Hello</p>\n"
FLOW = "flow: {name}\nname: {name}\ntrigger: {{on: newsletter_subscribed}}\ncap: exempt\nsteps: [{{email: hello}}]\n"


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    """Whoever subscribes gets a letter of marketing and a bill."""
    shop = product.connect(flows=[])
    for name, purpose in (("letter", "marketing"), ("bill", "transactional")):
        shop.publish(FLOW.format(name=name), hello=MESSAGE.format(purpose=purpose))
    return shop


def crowd(shop: ConnectedShop, count: int, first: int = 1) -> None:
    for number in range(first, first + count):
        subscribe(shop, f"p{number}@example.com", number)
    shop.installation.settle("intake", "fetch", "flows", "deliver")


def left(shop: ConnectedShop) -> dict[str, int]:
    """How many of each flow the provider took."""
    flows = [mail["tags"][0] for mail in shop.mails()]
    return {name: flows.count(name) for name in ("letter", "bill")}


def told(shop: ConnectedShop, event: str, count: int, flow: str = "letter") -> None:
    """The provider reports ``event`` of so many messages."""
    for mail in [one for one in shop.mails() if one["tags"][0] == flow][:count]:
        about = {"message-id": mail["message_id"], "X-Mailin-custom": mail["custom"]}
        shop.deliver("transactional", reported(event, mail["to"], shop.installation.now, **about), source="brevo")
    shop.installation.settle("intake")


def held(shop: ConnectedShop) -> list[tuple[str, str]]:
    with shop.deps.engine.connect() as connection:
        return [(one.channel, one.reason) for one in pauses.pauses(connection, shop.id)]


def complaints(shop: ConnectedShop, count: int = 3, flow: str = "letter") -> None:
    """Twenty have it in their mailbox, and so many of them complain an hour later."""
    crowd(shop, 20)
    told(shop, "delivered", 20, flow)
    shop.installation.at(START + HOUR)
    told(shop, "spam", count, flow)


def test_marketing_stands_still_and_bills_go_on(shop: ConnectedShop) -> None:
    complaints(shop)
    assert held(shop) == [(brake.CHANNEL, "complaints")]
    engaged = shop.one(complaint_brakes)
    assert (engaged.complaints, engaged.delivered, engaged.released_at) == (3, 20, None)
    crowd(shop, 5, first=100)
    assert left(shop) == {"letter": 20, "bill": 25}
    assert ("deliver", shop.id) not in shop.installation.due(), "what stands still is no work"
    # No time ends it, and no new connection to Brevo does.
    shop.installation.at(START + 48 * HOUR)
    shop.installation.skip(48 * 3600)
    with shop.deps.engine.begin() as connection:
        assert pauses.lift(connection, shop.id) == []
    shop.installation.settle("deliver")
    assert left(shop) == {"letter": 20, "bill": 25}


@pytest.mark.long
def test_without_the_brake_they_would_leave(shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr(brake, "consider", lambda _: False)
    complaints(shop)
    crowd(shop, 5, first=100)
    assert left(shop) == {"letter": 25, "bill": 25} and held(shop) == []


def test_two_of_twenty_are_chance_and_complaints_about_bills_are_not_counted(shop: ConnectedShop) -> None:
    complaints(shop, 2)
    told(shop, "spam", 9, "bill")
    crowd(shop, 1, first=100)
    assert held(shop) == [] and left(shop)["letter"] == 21


def test_the_shop_says_how_many_are_too_many(shop: ConnectedShop) -> None:
    shop.set(complaint_brake={"percent": 20.0, "least_complaints": 1})
    complaints(shop, 4)
    assert held(shop) == [], "a fifth of them, and not more"
    told(shop, "spam", 5)
    assert held(shop) == [(brake.CHANNEL, "complaints")]


def test_what_is_older_than_the_days_that_count_is_forgotten(shop: ConnectedShop) -> None:
    complaints(shop, 2)
    shop.installation.at(START + timedelta(days=8))
    told(shop, "spam", 3)
    # The two were told again, which is not news; the third is one of one.
    assert held(shop) == []


def test_staff_let_it_go_on_with_a_word_and_counting_begins_anew(shop: ConnectedShop) -> None:
    complaints(shop)
    crowd(shop, 2, first=100)
    domain = shop.shop.domain

    def run(*arguments: str) -> str:
        return CliRunner().invoke(command, arguments, obj=shop.deps.settings).output

    assert "3 of 20 delivered marketing emails" in run("list", domain)
    assert "--why" in run("resume", domain, brake.CHANNEL) and held(shop)
    assert "Name nobody" in run("resume", domain, brake.CHANNEL, "--why", "ask ann@example.com")
    assert "goes on" in run("resume", domain, brake.CHANNEL, "--why", "the old list is gone")
    line = shop.one(audit_log, act="channel.resume")
    assert (line.object_id, line.detail) == (brake.CHANNEL, {"why": "the old list is gone"})
    shop.installation.settle("deliver")
    assert left(shop) == {"letter": 22, "bill": 22} and held(shop) == []
    assert shop.one(complaint_brakes).released_at is not None
    # One more of the old twenty is one, not four.
    shop.installation.at(shop.installation.now + HOUR)
    told(shop, "spam", 4)
    assert held(shop) == []
    assert "Complaints since" in run("reports", domain) and "is not paused" in run(
        "resume", domain, brake.CHANNEL, "--why", "once more please"
    )


def test_a_message_that_was_under_way_is_not_claimed(shop: ConnectedShop) -> None:
    """Due already when the brake engages: it is looked at again under the person's lock."""
    complaints(shop, 2)
    for number in range(100, 105):
        subscribe(shop, f"p{number}@example.com", number)
    shop.installation.settle("intake", "fetch", "flows")
    told(shop, "spam", 3)
    shop.installation.settle("deliver")
    assert left(shop) == {"letter": 20, "bill": 25}
    assert {row.purpose for row in shop.rows(outbox, state="due")} == {"marketing"}
