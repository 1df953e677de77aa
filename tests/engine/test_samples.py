"""``connector send test``: a message of a flow for oneself, outside of all that counts."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from connector.cli.send import send as command
from connector.models.event import events
from connector.models.flow import runs
from connector.models.outbox import outbox, send_ledger
from connector.models.person import consents, persons, suppressions
from connector.models.short_link import short_link_clicks, short_links
from tests.engine.installation import ConnectedShop, Installation
from tests.engine.payloads import reported
from tests.engine.texting import NUMBER, sign_up, texting_shop, texts

STAFF = "staff@example.com"


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return texting_shop(product)


def ask(shop: ConnectedShop, channel: str, to: str, *more: str, message: str = "hurry") -> Result:
    arguments = ["--shop", shop.shop.domain, "--channel", channel, "--flow", "quick", "--message", message, "--to", to]
    return CliRunner().invoke(command, ["test", *arguments, *more], obj=shop.deps.settings)


def test_a_text_for_oneself_is_marked_and_counts_nowhere(product: Installation, shop: ConnectedShop) -> None:
    answer = ask(shop, "sms", "+49 151 12345678")
    assert answer.exit_code == 0, answer.output
    (text,) = texts(shop)
    assert text["to"] == "4915112345678" and text["content"].startswith("[Test] Hi Ada, come and see: https://shop.ex")
    assert text["tags"][1:] == ["quick", "hurry", "test"] and text["message_id"] in answer.output
    assert "billed as 1 message" in answer.output
    link = shop.one(short_links)
    path = f"/c/{shop.id}-{link.id}"
    assert product.browser().get(path, headers={"User-Agent": "Mozilla"}).headers["Location"] == link.target
    for table in (outbox, send_ledger, runs, events, short_link_clicks):
        assert shop.rows(table) == [], table.name


def test_an_email_for_oneself_with_the_facts_of_a_person(product: Installation, shop: ConnectedShop) -> None:
    sign_up(shop, "ann@example.com")
    product.settle()
    person, before = shop.one(persons), len(shop.rows(outbox))
    assert ask(shop, "email", STAFF, "--person", str(person.id), message="story").exit_code == 0
    (mail,) = shop.mails(STAFF)
    assert mail["subject"] == "[Test] Our story" and mail["tags"][-1] == "test"
    # What Brevo reports of it is nobody's doing; only that the address is dead counts.
    about = {"message-id": mail["message_id"], "tags": mail["tags"]}
    logged = len(shop.rows(events))
    for event in ("delivered", "opened", "click", "hard_bounce"):
        shop.deliver("transactional", reported(event, STAFF, product.now, **about), source="brevo")
    product.settle()
    assert (len(shop.rows(events)), len(shop.rows(outbox))) == (logged, before)
    assert [row.reason for row in shop.rows(suppressions)] == ["hard_bounce"]
    # The control: the same report of the message that the flow sent is told.
    sent = shop.mails("ann@example.com")[0]
    ours = {"message-id": sent["message_id"], "tags": sent["tags"], "X-Mailin-custom": sent["custom"]}
    shop.deliver("transactional", reported("opened", "ann@example.com", product.now, **ours), source="brevo")
    product.settle("intake")
    assert len(shop.rows(events)) == logged + 1
    # The link to unsubscribe takes nobody off.
    path = mail["html"].split('href="https://shop.example')[-1].split('"')[0]
    assert product.browser().post("/u/test").status_code == 404 and path
    assert {row.state for row in shop.rows(consents)} == {"subscribed"}


@pytest.mark.parametrize(
    ("channel", "to", "more", "said"),
    [
        ("fax", NUMBER, (), "Nothing here sends by fax"),
        ("sms", "+33", (), "no number with its country's code"),
        ("email", "ann", (), "no email address"),
        ("sms", NUMBER, ("--person", "77"), "no person 77"),
        ("email", STAFF, (), "written for sms, not for email"),
    ],
)
def test_what_cannot_be_sent_is_said(
    shop: ConnectedShop, channel: str, to: str, more: tuple[str, ...], said: str
) -> None:
    answer = ask(shop, channel, to, *more)
    assert answer.exit_code != 0 and said in answer.output
    assert texts(shop) == [] and shop.mails() == []
