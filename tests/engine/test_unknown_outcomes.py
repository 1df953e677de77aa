"""Nobody is mailed twice and nobody is forgotten, whatever becomes of the answer. Counted at the provider's log."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from connector import pauses
from connector.clock import monotonic
from connector.errors import OutcomeUnknown, ProviderError, TooLate
from connector.locks import lock_persons
from connector.models.flow import runs
from connector.models.outbox import attempts, outbox, send_ledger
from flows.channels import CHANNELS
from flows.channels.email import EMAIL
from flows.engine import outcomes, unknown
from flows.engine.claim import Claimed, claim
from tests.engine.installation import DAY, HOUR, ConnectedShop, Installation
from tests.engine.payloads import reported
from tests.engine.shoppers import subscribe

ANN = "ann@example.com"
# Longer than a lease, and than the time that the provider is given to tell.
LEASE, TELLING = 26.0, 61.0
honoured = pytest.mark.parametrize("honoured", [True, False], ids=["keys honoured", "keys ignored"])


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=["welcome"])


def spoil(shop: ConnectedShop, kind: str, honoured: bool = False, **fields: object) -> None:
    """The provider spoils the next call that sends."""
    shop.account.settings(honour_idempotency=honoured)
    shop.account.fault(kind, path="/smtp/email", count=1, **fields)


def state(shop: ConnectedShop) -> tuple[str, str | None]:
    row = shop.one(outbox)
    return row.state, row.reason


def results(shop: ConnectedShop) -> list[str]:
    """What came of the attempts that left. Without an answer, `retry` is one whose permission ran out before its first
    byte left, as happens on a busy machine."""
    return [row.result for row in shop.rows(attempts) if row.result != "retry" or row.status is not None]


@honoured
@pytest.mark.parametrize("kind", ["accept_then_cut", "half"])
def test_accepted_without_an_answer_is_looked_up_and_not_sent_again(
    product: Installation, shop: ConnectedShop, kind: str, honoured: bool
) -> None:
    spoil(shop, kind, honoured)
    subscribe(shop, ANN)
    product.settle()
    assert state(shop) == ("unknown", "no_answer")
    assert len(shop.rows(send_ledger)) == 1, "what may have been sent counts for the caps"
    product.skip(TELLING - 5)
    product.settle()
    assert state(shop)[0] == "unknown", "the provider still has time to tell"
    product.skip(5)
    product.settle()
    assert state(shop) == ("sent", "looked_up")
    assert len(shop.mails()) == 1 and results(shop) == ["unknown"]
    product.play(2 * DAY + HOUR)
    assert [name for name, _ in shop.sent()] == ["hello", "story"], "the flow goes on"


def test_sending_again_at_once_mails_twice(product: Installation, shop: ConnectedShop) -> None:
    """The control: with keys ignored, a sender that tries again without asking is not believed by the log."""
    spoil(shop, "accept_then_cut")
    account = shop.deps.brevo(shop.shop)
    body = {
        "sender": {"email": shop.shop.sender_email},
        "to": [{"email": ANN}],
        "subject": "Hello",
        "htmlContent": "<p>Hello</p>",
        "headers": {"idempotencyKey": "same"},
    }
    with pytest.raises(OutcomeUnknown):
        account.send_email(body)
    account.send_email(body)
    assert len(shop.mails()) == 2


@honoured
def test_cut_before_accepting_is_sent_once_after_looking(
    product: Installation, shop: ConnectedShop, honoured: bool
) -> None:
    spoil(shop, "cut", honoured)
    subscribe(shop, ANN)
    product.settle()
    assert state(shop)[0] == "unknown" and shop.mails() == []
    product.skip(TELLING)
    product.settle()
    assert state(shop)[0] == "sent"
    assert len(shop.mails()) == 1 and results(shop) == ["unknown", "accepted"]


def test_the_providers_own_word_settles_it_at_once(product: Installation, shop: ConnectedShop) -> None:
    spoil(shop, "accept_then_cut")
    subscribe(shop, ANN)
    product.settle()
    (mail,) = shop.mails()
    told = {"message-id": mail["message_id"], "X-Mailin-custom": mail["custom"]}
    shop.deliver("transactional", reported("delivered", ANN, product.now, **told), source="brevo")
    product.settle()
    assert state(shop) == ("sent", "provider_event")
    assert shop.one(outbox).delivered_at == product.now
    product.skip(2 * TELLING)
    product.settle()
    assert len(shop.mails()) == 1
    assert shop.one(runs).position["at"].startswith("wait")


@pytest.mark.parametrize(("status", "result"), [(429, "retry"), (500, "unknown"), (503, "unknown")])
def test_a_refusal_that_passes_is_tried_again(
    product: Installation, shop: ConnectedShop, status: int, result: str
) -> None:
    """A server error may come after the work was done, so the log is asked first; a 429 comes before it."""
    spoil(shop, "status", status=status)
    subscribe(shop, ANN)
    product.settle()
    assert shop.mails() == [] and results(shop) == [result]
    product.skip(TELLING + 10)
    product.settle()
    assert state(shop)[0] == "sent" and len(shop.mails()) == 1


def test_a_refusal_for_good_ends_the_message_and_the_flow_goes_on(product: Installation, shop: ConnectedShop) -> None:
    spoil(shop, "status", status=400)
    subscribe(shop, ANN)
    product.settle()
    row = shop.one(outbox)
    assert row.state == "failed" and row.reason.startswith("refused")
    assert shop.rows(send_ledger) == [], "a message that was not sent counts for no cap"
    product.play(2 * DAY + HOUR)
    assert [name for name, _ in shop.sent()] == ["story"]


def claimed(product: Installation, shop: ConnectedShop) -> Claimed:
    """A sender leases the message and is never heard of again."""
    product.settle("intake", "fetch", "flows")
    (one,) = claim(shop.deps, shop.shop, [shop.one(outbox).id], True)
    assert state(shop)[0] == "leased"
    return one


@pytest.mark.parametrize("sent", [True, False], ids=["after the call", "before the call"])
def test_a_killed_senders_message_is_sent_once(product: Installation, shop: ConnectedShop, sent: bool) -> None:
    subscribe(shop, ANN)
    one = claimed(product, shop)
    if sent:
        shop.account.settings(honour_idempotency=False)
        EMAIL.send(shop.deps.brevo(shop.shop), one.request, float("inf"))
    product.settle()
    assert state(shop)[0] == "leased" and len(shop.mails()) == sent, "nobody touches what is leased"
    product.skip(LEASE)
    product.settle()
    assert state(shop)[0] == "unknown"
    product.skip(TELLING)
    product.settle()
    assert state(shop)[0] == "sent" and len(shop.mails()) == 1


@pytest.mark.parametrize(
    "late",
    [TooLate("brevo", "its permission had run out"), OutcomeUnknown("brevo", "no answer")],
    ids=["turned back", "no answer"],
)
def test_who_was_held_up_says_nothing_about_the_attempt_after_its_own(
    product: Installation, shop: ConnectedShop, late: ProviderError
) -> None:
    """A sender stood still for longer than its lease; what it writes must not let a third send beside the second."""
    subscribe(shop, ANN)
    first = claimed(product, shop)
    product.skip(LEASE)
    product.settle()
    product.skip(TELLING)
    unknown.settle_due(shop.deps, shop.shop)
    assert state(shop) == ("due", "not_at_provider")
    second = claimed(product, shop)
    with shop.scope() as scope:
        lock_persons(scope, [first.row["person_id"]])
        outcomes.record(scope, first.row, first.n, late)
    assert state(shop)[0] == "leased" and len(shop.rows(send_ledger)) == 1
    with shop.scope() as scope:
        lock_persons(scope, [second.row["person_id"]])
        outcomes.record(scope, second.row, second.n, late)
    assert state(shop)[0] != "leased", "from the one who holds the lease the same is believed"


@pytest.mark.parametrize(("permitted", "mails"), [(2.0, 1), (float("inf"), 2)], ids=["for moments", "for ever"])
def test_who_was_held_up_in_the_middle_of_a_request_leaves_it_there(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch, permitted: float, mails: int
) -> None:
    """The head of a request had left; nobody found it in the log and the message was sent again. At a provider that
    takes the same key twice a body that comes now would be a second email: of the control it is."""
    shop.account.settings(honour_idempotency=False)
    subscribe(shop, ANN)
    held_up = claimed(product, shop)
    thread, half_sent, go_on = threading.Thread(target=lambda: None), threading.Event(), threading.Event()

    def reach(point: str) -> None:
        if point == "t4.half_sent" and threading.current_thread() is thread:
            half_sent.set()
            go_on.wait(20)

    def send() -> None:
        with suppress(TooLate):
            EMAIL.send(shop.deps.brevo(shop.shop), held_up.request, leave_by)

    monkeypatch.setattr("connector.http.reach", reach)
    leave_by = monotonic() + permitted
    thread = threading.Thread(target=send)
    thread.start()
    assert half_sent.wait(10)
    product.skip(LEASE)
    product.settle()
    product.skip(TELLING)
    product.settle()
    assert state(shop)[0] == "sent" and len(shop.mails()) == 1
    if leave_by < float("inf"):
        time.sleep(max(0.0, leave_by + 0.01 - monotonic()))
    go_on.set()
    thread.join(10)
    assert len(shop.mails()) == mails


def test_a_look_up_says_nothing_about_an_attempt_that_began_after_it(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two look at the same unknown message; one finds nothing and sends, and its answer is lost, before the other has
    written down that it found nothing either."""
    spoil(shop, "cut")
    subscribe(shop, ANN)
    product.settle()
    product.skip(TELLING)
    look_up = EMAIL.look_up
    assert look_up is not None

    def slowly(*asked: Any) -> str | None:
        found = look_up(*asked)
        monkeypatch.setitem(CHANNELS, "email", EMAIL)  # type: ignore[arg-type]
        spoil(shop, "accept_then_cut", method="POST")
        product.settle()
        assert state(shop)[0] == "unknown" and len(shop.mails()) == 1
        return found

    monkeypatch.setitem(CHANNELS, "email", replace(EMAIL, look_up=slowly))  # type: ignore[arg-type]
    product.settle()
    assert state(shop)[0] == "unknown"
    product.skip(TELLING)
    product.settle()
    assert state(shop) == ("sent", "looked_up") and len(shop.mails()) == 1


def test_what_cannot_be_looked_up_is_never_sent_twice(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for text messages. The provider does not even have it here, and still nobody tries again."""
    blind = replace(EMAIL, look_up=None, look_up_bucket=None)
    monkeypatch.setitem(CHANNELS, "email", blind)  # type: ignore[arg-type]
    spoil(shop, "cut")
    subscribe(shop, ANN)
    product.settle()
    for _ in range(3):
        product.skip(86_400 + TELLING)
        product.settle()
    assert state(shop) == ("unknown", "no_answer")
    assert shop.mails() == [] and results(shop) == ["unknown"]
    assert shop.one(runs).state == "live", "staff see it, and the person's flow waits"


def test_a_message_that_went_unknown_and_is_absent_passes_the_gate_again(
    product: Installation, shop: ConnectedShop
) -> None:
    """Somebody unsubscribed while it was unknown: it is not sent after all."""
    spoil(shop, "cut")
    subscribe(shop, ANN)
    product.settle()
    told = reported("unsubscribed", ANN, product.now + HOUR, **{"message-id": "<other@x>"})
    shop.deliver("transactional", told, source="brevo")
    product.settle("intake")
    product.skip(TELLING)
    product.settle()
    assert shop.mails() == []
    assert shop.one(outbox).state == "skipped"


def test_look_ups_go_by_their_limit_oldest_first_and_the_rest_stays_in_its_place(
    product: Installation, shop: ConnectedShop
) -> None:
    """Five look-ups a second, four of them ours."""
    for number in range(1, 7):
        subscribe(shop, f"p{number}@example.com", number)
    product.settle("intake", "fetch", "flows")
    shop.account.fault("accept_then_cut", path="/smtp/email", method="POST", count=6)
    product.settle("deliver")
    product.skip(TELLING)
    places = {row.id: row.lease_real for row in shop.rows(outbox, state="unknown")}
    assert len(places) == 6
    oldest = sorted(places, key=lambda one: places[one])
    for done, left in ((4, oldest[4:]), (0, oldest[4:])):
        assert unknown.settle_due(shop.deps, shop.shop).done == done
        # Nobody is moved: put off together they would come back together.
        assert {row.id: row.lease_real for row in shop.rows(outbox, state="unknown")} == {
            one: places[one] for one in left
        }
    product.skip(1.1)
    assert unknown.settle_due(shop.deps, shop.shop).done == 2
    assert len(shop.mails()) == 6 and {row.state for row in shop.rows(outbox)} == {"sent"}


def test_with_a_refused_key_nobody_is_asked(product: Installation, shop: ConnectedShop) -> None:
    spoil(shop, "accept_then_cut", method="POST")
    subscribe(shop, ANN)
    product.settle("intake", "fetch", "flows", "deliver")
    shop.account.fault("status", path="/smtp/emails", status=401, count=2)
    product.skip(TELLING)
    for _ in range(3):
        product.settle("deliver")
        product.skip(15)

    def looks() -> int:
        return sum(1 for call in shop.account.log("request") if call["path"] == "/v3/smtp/emails")

    assert looks() == 2, "once, and once more because single stray 401s are known"
    assert state(shop)[0] == "unknown"
    # With no message to try the key with, the look-up itself does.
    product.skip(61)
    product.settle("deliver")
    assert state(shop) == ("sent", "looked_up") and len(shop.mails()) == 1
    with shop.deps.engine.connect() as connection:
        assert pauses.pauses(connection, shop.id) == []
