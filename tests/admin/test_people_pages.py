"""One person as staff see them: what happened, where they stand, why or why not, and what can be done about them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import delete

from connector.admin import people, timeline
from connector.models.outbox import message_contents, outbox
from connector.models.person import consents, persons, suppressions
from connector.models.privacy import privacy_requests
from tests.admin.office import APP_KEY, APP_SECRET, Browser, Desk, Office
from tests.content.mailbox import visible_text
from tests.engine.installation import DAY, ConnectedShop, Installation, installation
from tests.engine.payloads import reported
from tests.engine.shoppers import begin_checkout, by_customer, subscribe
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import StoreProcess

ANN = "ann.bell@example.com"
WELCOME = """
flow: hello
name: A friendly hello
trigger: {on: newsletter_subscribed}
reentry: never
steps:
  - {email: first}
  - wait: 2d
  - {email: second}
"""
CART = """
flow: cart
name: Cart left
trigger: {on: checkout_started, key: event.checkout_token}
reentry: always
steps: [{email: reminder}]
"""
BODY = """---
subject: '{subject} for {{{{ person.first_name | default: "you" }}}}'
purpose: marketing
deadline: 9d
---
<p>Dear {{{{ person.first_name | default: "you" }}}}, <a href="https://goods.example/story">look</a></p>
"""


@pytest.fixture
def served(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess
) -> Iterator[Installation]:
    app: dict[str, Any] = {"shopify_api_key": APP_KEY, "shopify_api_secret": APP_SECRET}
    with installation(database_url, redis_url, tmp_path, provider, store, **app) as made:
        yield made


@pytest.fixture
def shop(served: Installation) -> ConnectedShop:
    """Ann has been welcomed, has read it, and has left a cart within a cap of one message in two days."""
    capped = {"all": {"count": 1, "days": 2}}
    shop = served.connect(flows=[], url="https://goods.example", caps=capped)
    shop.publish(WELCOME, first=BODY.format(subject="Hello"), second=BODY.format(subject="More"))
    shop.publish(CART, reminder=BODY.format(subject="Your cart"))
    subscribe(shop, ANN, first_name="Ann", last_name="Bell")
    served.settle()
    (mail,) = shop.mails(ANN)
    about = {"message-id": mail["message_id"], "tags": mail["tags"], "X-Mailin-custom": mail["custom"]}
    for event in ("delivered", "click"):
        shop.deliver("transactional", reported(event, ANN, served.now, **about), source="brevo")
    served.play(DAY)
    begin_checkout(shop, ANN, "token-1", customer=by_customer(1, ANN))
    served.settle()
    return shop


@pytest.mark.row("S2-23")
def test_support_sees_what_somebody_was_sent_and_why_not(served: Installation, shop: ConnectedShop) -> None:
    office = Office(served)
    browser = office.browser(office.hire("owner"))
    base = f"/admin/shops/{shop.id}"
    person = shop.one(persons)
    # Found by the address; the page says what happened, in words.
    assert f"{base}/people/{person.id}" in browser.get(f"{base}/people?q={ANN}").text
    page = visible_text(browser.get(f"{base}/people/{person.id}").text)
    for words in ("A friendly hello", "Hello for Ann", "Clicked", "The provider took the message", "Left in carts"):
        assert words in page, words
    # Why the second message has not left, with the numbers.
    waiting = shop.one(outbox, flow="cart")
    assert (waiting.state, waiting.reason) == ("due", "shop_cap")
    cart = visible_text(browser.get(f"{base}/messages/{waiting.id}").text)
    assert "They have had 1 marketing message within 2 days, which is the shop's limit." in cart
    assert "Your cart for Ann" in cart and "Written with what is known now" in cart
    # Where they stand, and when what comes next.
    flows = visible_text(browser.get(f"{base}/people/{person.id}/flows").text)
    assert "would be put off" in flows and "“second”" in flows and "A friendly hello" in flows
    why = visible_text(browser.get(f"{base}/people/{person.id}/flows/cart").text)
    assert "They are in the flow." in why and "The shop's limit leaves room" in why
    assert "They have had 1 marketing message within 2 days" in why and "shop_cap" not in why
    # A flow that they cannot enter says which rule speaks against it.
    served.play(5 * DAY)
    served.settle()
    again = visible_text(browser.get(f"{base}/people/{person.id}/flows/hello").text)
    assert "They would not enter." in again and "the flow lets nobody in twice" in again
    assert browser.get(f"{base}/people/{person.id}/flows/nowhere").status_code == 404


def test_a_message_is_shown_as_it_was_sent_and_masked_where_it_must_be(
    served: Installation, shop: ConnectedShop
) -> None:
    office = Office(served)
    owner, support = office.browser(office.hire("owner")), office.browser(office.hire("support"))
    row, mail = shop.one(outbox, flow="hello"), shop.mails(ANN)[0]
    path = f"/admin/shops/{shop.id}/messages/{row.id}"
    # What the person is called now changes nothing about what they were sent.
    shop.change(persons, {"first_name": "Zoe"}, id=row.person_id)
    page = owner.get(path)
    shown = visible_text(page.text)
    assert "Exactly what was sent" in shown and "Hello for Ann" in shown
    for words in ("It reached the mailbox", "A link in it was followed.", "taken"):
        assert words in shown, words
    letter = owner.get(f"{path}/content")
    assert visible_text(letter.text) == visible_text(mail["html"])
    assert "href" not in letter.text and "/u/" not in letter.text
    policy = letter.headers["Content-Security-Policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy and "script-src" not in policy
    shop.change(persons, {"first_name": "Ann"}, id=row.person_id)
    for masked in (support.get(path).text, support.get(f"{path}/content").text):
        assert "Ann" not in masked and ANN not in masked and "A•••" in masked
    # The control: of what is not kept it is said so, and it is written anew.
    with served.deps.engine.begin() as connection:
        connection.execute(delete(message_contents))
    shop.change(persons, {"first_name": "Zoe"}, id=row.person_id)
    anew = visible_text(owner.get(path).text)
    assert "not kept any more" in anew and "Hello for Zoe" in anew


def test_the_timeline_is_read_page_by_page_and_of_one_kind(served: Installation, shop: ConnectedShop) -> None:
    person = shop.one(persons).id
    with served.deps.engine.connect() as connection:
        whole = timeline.read(connection, shop.id, person, size=200).rows
        pieces: list[timeline.Line] = []
        after = None
        while True:
            page = timeline.read(connection, shop.id, person, after, size=3)
            pieces += page.rows
            if (after := page.next) is None:
                break
        assert pieces == list(whole) and len(whole) > 8
        assert [line.at for line in whole] == sorted((line.at for line in whole), reverse=True)
        of_one_kind = {kind: timeline.read(connection, shop.id, person, kind=kind).rows for kind in timeline.KINDS}
    assert sum(map(len, of_one_kind.values())) == len(whole)
    assert all(line.kind == kind for kind, lines in of_one_kind.items() for line in lines)
    assert {line.message for line in of_one_kind["messages"]} == {shop.one(outbox, flow="hello").id}
    told = [line.text for line in of_one_kind["decided"]]
    assert any("which is the shop's limit" in text and "It is asked again" in text for text in told)


# --- what staff do


def page_of(desk: Desk) -> str:
    return f"{desk.path}/people/{desk.person}"


def test_what_they_asked_for_stays_and_what_we_decided_can_be_taken_back(office: Office) -> None:
    (mine, _) = office.desks
    browser = office.browser(office.hire("editor"))
    page = page_of(mine)
    assert browser.post(f"{page}/suppress", channel="email", why="ours").status_code == 303
    assert "Staff have stopped marketing to this address." in browser.get(page).text
    assert browser.post(f"{page}/lift", channel="email").status_code == 303
    assert "Staff have stopped" not in browser.get(page).text
    assert mine.shop.rows(suppressions) == []
    assert browser.post(f"{page}/suppress", channel="sms", why="asked").status_code == 303
    told = {(row.channel, row.state, row.source) for row in mine.shop.rows(consents, person_id=mine.person)}
    assert ("sms", "unsubscribed", "staff") in told
    # What the person said, or their mailbox, is nothing for staff to take back.
    for reason in ("complaint", "hard_bounce", "unsubscribed", "blocked"):
        mine.suppressed(reason)
        refused = browser.post(f"{page}/lift", channel="email")
        assert refused.status_code == 422 and "stays until the person agrees anew" in refused.text
        assert [row.reason for row in mine.shop.rows(suppressions)] == [reason]
        with office.transaction() as connection:
            connection.execute(delete(suppressions))
    assert "has no telephone number" not in browser.post(f"{page}/suppress", channel="sms", why="ours").text
    assert [line.act for line in office.lines(mine.shop.id)] == [
        "person.suppress", "person.opt_out", "person.lift", "person.suppress",
    ]  # fmt: skip


def test_their_data_is_handed_out_and_they_are_erased_by_a_typed_word(office: Office) -> None:
    (mine, _) = office.desks
    browser: Browser = office.browser(office.hire("owner"))
    page = page_of(mine)
    assert browser.post(f"{page}/export/download").status_code == 422
    assert browser.post(f"{page}/export").status_code == 303
    assert "is being put together since" in browser.get(page).text and 'hx-trigger="every 2s"' in browser.get(page).text
    assert browser.post(f"{page}/export/download").status_code == 422
    mine.shop.installation.settle("privacy")
    assert "Download their data" in browser.get(page).text and "every 2s" not in browser.get(f"{page}/export").text
    answer = browser.post(f"{page}/export/download")
    assert answer.content_type == "application/zip" and answer.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        made = orjson.loads(archive.read("bundle.json"))
        assert "persons.csv" in archive.namelist()
    (content,) = made["tables"]["message_contents"]
    assert content["content"]["subject"] == "Hello" and "cole" not in str(made)
    for typed in ("erase", f"erase {mine.person + 1}", "yes"):
        wrong = browser.post(f"{page}/erase", typed=typed)
        assert wrong.status_code == 422 and "Nobody was erased" in wrong.text
    assert [row.kind for row in mine.shop.rows(privacy_requests)] == ["export"]
    assert browser.post(f"{page}/erase", typed=f"Erase {mine.person}").status_code == 303
    shown = browser.get(page).text
    assert "erasure is under way" in shown and "Erase this person" not in shown
    # Nothing more is done about them.
    for act, form in (
        ("suppress", {"channel": "email", "why": "ours"}), ("suppress", {"channel": "email", "why": "asked"}),
        ("lift", {"channel": "email"}), ("export", {}), ("export/download", {}),
        ("erase", {"typed": f"erase {mine.person}"}),
    ):  # fmt: skip
        refused = browser.post(f"{page}/{act}", **form)
        assert refused.status_code == 422 and "Their erasure is under way" in refused.text, act
    with office.transaction() as connection:
        known = people.read(connection, mine.shop.shop, mine.person)
    assert known is not None and known.erasing
