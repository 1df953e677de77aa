"""A channel without credits or with a broken key stands still, says so, and goes on by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner

from connector import pauses
from connector.cli.channel import channel as command
from connector.errors import ActionNeeded
from connector.models.outbox import attempts, outbox
from connector.models.pause import channel_pauses
from tests.engine.installation import DAY, ConnectedShop, Installation
from tests.engine.shoppers import subscribe

HELLO = """---
subject: Hello
purpose: marketing
deadline: {deadline}
---
<p>Hello</p>
"""
FLOW = "flow: hello\nname: Hello\ntrigger: {on: newsletter_subscribed}\nsteps: [{email: hello}]\n"
FIRST_PROBE = 61


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    connected = product.connect(flows=[])
    connected.publish(FLOW, hello=HELLO.format(deadline="2d"))
    return connected


def crowd(product: Installation, shop: ConnectedShop, count: int, first: int = 1) -> None:
    for number in range(first, first + count):
        subscribe(shop, f"p{number}@example.com", number)
    product.settle("intake", "fetch", "flows")


def refuse(shop: ConnectedShop, status: int, count: int | None = None, message: str = "") -> None:
    shop.account.fault("status", path="/smtp/email", status=status, count=count, message=message)


def cure(product: Installation) -> None:
    assert product.provider is not None
    product.provider.control("DELETE", "faults")


def sends(shop: ConnectedShop) -> int:
    return sum(1 for call in shop.account.log("request") if call["path"] == "/v3/smtp/email")


def standing(shop: ConnectedShop) -> list[tuple[str, str, int]]:
    with shop.deps.engine.connect() as connection:
        return [(one.channel, one.reason, one.probes) for one in pauses.pauses(connection, shop.id)]


def states(shop: ConnectedShop) -> set[str]:
    return {row.state for row in shop.rows(outbox)}


def test_402_pauses_the_channel_and_a_probe_opens_it(product: Installation, shop: ConnectedShop) -> None:
    crowd(product, shop, 20)
    refuse(shop, 402)
    product.settle("deliver")
    met, tried = sends(shop), len(shop.rows(attempts))
    assert standing(shop) == [("email", "no_credits", 0)]
    assert 1 <= met <= 8, "no more than were under way when the first was refused"
    assert states(shop) == {"due"} and not shop.mails()
    # Nothing of it is work any more, whatever comes in and however much time passes before the probe.
    crowd(product, shop, 5, first=100)
    product.skip(FIRST_PROBE - 10)
    assert ("deliver", shop.id) not in product.due()
    product.settle("deliver")
    assert (sends(shop), len(shop.rows(attempts))) == (met, tried)
    # One probe, and the next after twice the time.
    product.skip(10)
    product.settle("deliver")
    assert sends(shop) == met + 1 and standing(shop) == [("email", "no_credits", 1)]
    product.skip(FIRST_PROBE)
    product.settle("deliver")
    assert sends(shop) == met + 1
    cure(product)
    product.skip(FIRST_PROBE)
    product.settle("deliver")
    assert standing(shop) == []
    product.skip(3_601)
    product.settle("deliver")
    assert len(shop.mails()) == 25 and states(shop) == {"sent"}


@pytest.mark.long
def test_without_a_pause_every_message_meets_the_refusal_again_and_again(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(pauses, "start", lambda *_: None)
    crowd(product, shop, 20)
    refuse(shop, 402)
    for _ in range(3):
        product.settle("deliver")
        product.skip(FIRST_PROBE)
    assert sends(shop) > 20
    cure(product)


@pytest.mark.parametrize(
    ("status", "message", "paused"),
    [
        (401, "Key not found", ("account", "key_refused")),
        (401, "You are using an unrecognised IP address 192.0.2.7", ("account", "unknown_ip")),
        (403, "Access denied", ("email", "not_allowed")),
    ],
)
def test_a_broken_key_stops_the_account_and_a_missing_permission_the_channel(
    product: Installation, shop: ConnectedShop, status: int, message: str, paused: tuple[str, str]
) -> None:
    crowd(product, shop, 3)
    refuse(shop, status, message=message)
    product.settle("deliver")
    assert [one[:2] for one in standing(shop)] == [paused]
    # Brevo's own words, as they came.
    assert message in shop.one(channel_pauses).detail
    assert pauses.REASONS[paused[1]]
    met = sends(shop)
    product.settle()
    product.skip(30)
    assert ("deliver", shop.id) not in product.due()
    product.settle()
    assert sends(shop) == met
    cure(product)


def test_what_is_held_for_another_reason_stays_held(product: Installation, shop: ConnectedShop) -> None:
    refused = ActionNeeded("brevo", "Key not found", status=401)
    with product.deps.open(shop.shop) as scope:
        pauses.hold(scope.connection, shop.id, pauses.ACCOUNT, pauses.SURVEY, "the first survey", product.now)
        pauses.start(scope, "email", refused)
        pauses.return_probe(scope.connection, shop.id, "email", product.clock.machine())
        assert not pauses.claim_probe(scope.connection, shop.id, "email", product.clock.machine())
    assert shop.one(channel_pauses).reason == pauses.SURVEY


def test_a_single_stray_401_pauses_nothing(product: Installation, shop: ConnectedShop) -> None:
    crowd(product, shop, 1)
    refuse(shop, 401, count=1)
    product.settle("deliver")
    assert standing(shop) == [] and len(shop.mails()) == 1


def test_what_waits_too_long_is_skipped_when_the_channel_opens(product: Installation, shop: ConnectedShop) -> None:
    crowd(product, shop, 3)
    refuse(shop, 402)
    product.settle("deliver")
    product.at(product.now + 3 * DAY)
    cure(product)
    product.skip(3_601)
    product.settle("deliver")
    assert shop.reasons() == [("hello", "skipped", "deadline")] * 3 and not shop.mails()
    # No message was left to probe with: the next that comes does.
    assert [one[0] for one in standing(shop)] == ["email"]
    crowd(product, shop, 1, first=50)
    product.skip(3_601)
    product.settle("deliver")
    assert standing(shop) == [] and len(shop.mails()) == 1


def test_staff_see_it_and_can_end_it(product: Installation, shop: ConnectedShop) -> None:
    crowd(product, shop, 2)
    refuse(shop, 402)
    product.settle("deliver")

    def run(*arguments: str) -> str:
        return CliRunner().invoke(command, arguments, obj=shop.deps.settings).output

    domain = shop.shop.domain
    assert "no credits left" in run("list", domain) and "email: paused since" in run("list", domain)
    assert "is not paused" in run("resume", domain, "sms") and standing(shop)
    cure(product)
    assert "goes on" in run("resume", domain, "email")
    assert run("list", domain) == "Nothing is paused.\n"
    product.skip(31)
    product.settle("deliver")
    assert len(shop.mails()) == 2


def test_one_worker_probes_and_pauses_are_a_shops_own(product: Installation, shop: ConnectedShop) -> None:
    machine = product.clock.machine()
    with shop.deps.engine.begin() as connection:
        for channel in ("email", "sms"):
            values = {"shop_id": shop.id, "channel": channel, "reason": "no_credits", "detail": ""}
            moments = {"since": product.now, "probe_real": machine, "probes": 0}
            connection.execute(channel_pauses.insert().values(**values, **moments))
    with shop.deps.engine.begin() as one, shop.deps.engine.begin() as other:
        assert pauses.claim_probe(one, shop.id, "email", machine)
        assert not pauses.claim_probe(other, shop.id, "email", machine)
        assert not pauses.claim_probe(other, shop.id + 1, "email", machine)
        assert pauses.claim_probe(other, shop.id, "sms", machine)
    with shop.deps.engine.connect() as connection:
        found = pauses.pauses(connection, shop.id)
        assert [one.probe_real - machine for one in found] == [timedelta(seconds=120)] * 2
        assert pauses.closed(found, machine) == {"email", "sms"}
        assert pauses.closed(found, machine + timedelta(seconds=120)) == set()
