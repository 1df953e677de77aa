"""``connector send test``: a message of a flow for oneself, outside of all that counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli.flows import flows
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


@pytest.mark.row("S1-43", "S2-35")
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


@pytest.mark.row("S2-36")
def test_a_message_is_looked_at_as_somebody_would_get_it(
    product: Installation, shop: ConnectedShop, tmp_path: Path
) -> None:
    shop.publish(LOOKED_AT, hello=HELLO, **{"hello.de": HELLO.replace("Hello", "Hallo")})
    sign_up(shop, "ann@example.com")
    product.settle()
    shop.change(persons, {"first_name": "Änne", "locale": "de"}, email="ann@example.com")
    before = len(shop.mails()), len(shop.rows(outbox))
    page = tmp_path / "hello.html"
    asked = ["preview", "--shop", shop.shop.domain, "--flow", "looked-at", "--message", "hello"]

    def look(*more: str) -> str:
        answer = CliRunner().invoke(command, [*asked, *more, "--out", str(page)], obj=shop.deps.settings)
        assert answer.exit_code == 0, answer.output
        return page.read_text("utf-8")

    invented, theirs = look(), look("--person", str(shop.one(persons).id))
    assert "Hello Ada" in invented and "Your points: 1,240" in invented
    # Nobody is shown as having what is invented, and everybody gets their variant.
    assert "Hallo Änne" in theirs and "points" not in theirs
    for width, frames in (("640", 2), ("360", 4)):
        assert theirs.count(f'sandbox width="{width}"') == frames
    assert theirs.count("@media all") == 2 and theirs.count("@media not all") == 3 and "prefers-color" not in theirs
    # The same of files that are not published, with the facts of somebody of the shop and with the shop's own.
    place = tmp_path / "looked-at"
    (place / "messages").mkdir(parents=True)
    (place / "flow.yaml").write_text(LOOKED_AT)
    (place / "messages" / "hello.liquid").write_text(HELLO.replace("<p>Hello", "<p>{{ shop.domain }}: good day,"))

    def said(*more: str) -> str:
        words = ["preview", str(place), "hello", "--shop", shop.shop.domain, *more]
        answer = CliRunner().invoke(flows, words, obj=shop.deps.settings)
        return answer.output

    assert f"{shop.shop.domain}: good day, Änne" in said("--person", str(shop.one(persons).id))
    assert f"{shop.shop.domain}: good day, Ada" in said() and "no person 77" in said("--person", "77")
    assert (len(shop.mails()), len(shop.rows(outbox))) == before


LOOKED_AT = "flow: looked-at\nname: Looked at\ntrigger: {on: order_placed}\nsteps: [{email: hello}]\n"
HELLO = """---
subject: Hello
purpose: marketing
---
<p>Hello {{ person.first_name | default: "there" }}</p>

{% render 'points' %}
"""
