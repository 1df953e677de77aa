"""The unsubscribe page: GET asks, POST acts, it works both ways and always ends in a plain 200."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from connector.db.session import transaction
from connector.scope import scoped
from connector.settings import Settings
from connector.shops import load
from connector.unsubscribe import token
from sync import consent, people
from tests.web.conftest import KEYS

ONE_CLICK = "List-Unsubscribe=One-Click"


@pytest.fixture
def person_id(engine: Engine, settings: Settings, shop_id: int) -> int:
    """Ann, subscribed a day ago."""
    with (
        transaction(engine) as connection,
        scoped(connection, load(connection, shop_id), settings.clock, settings) as scope,
    ):
        now = scope.now
        found = people.identify(scope, email="ann@example.com")
        assert found is not None
        consent.record(
            scope,
            found.person_id,
            "email",
            "subscribed",
            source="shopify",
            evidence_at=now - timedelta(days=1),
        )
        return found.person_id


@pytest.fixture
def link(shop_id: int, person_id: int) -> str:
    return f"/u/{token(KEYS, shop_id, person_id, 'email')}"


def _state(engine: Engine, channel: str = "email") -> tuple[str, str] | None:
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT state, source FROM consents WHERE channel = :channel"), {"channel": channel}
        ).first()
    return (found.state, found.source) if found else None


def _count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_opening_the_link_changes_nothing_however_often(
    client: FlaskClient, engine: Engine, link: str, rung: list[tuple[str, int]]
) -> None:
    before = _count(engine, "consent_ledger")
    for _ in range(100):
        answer = client.get(link)
        assert answer.status_code == 200
    assert client.head(link).status_code == 200
    page = answer.get_data(as_text=True)
    assert "Unsubscribe?" in page
    assert '<form method="post">' in page
    assert _state(engine) == ("subscribed", "shopify")
    assert (_count(engine, "consent_ledger"), rung) == (before, [])


@pytest.mark.parametrize(
    "request_of",
    [
        pytest.param({"data": ONE_CLICK, "content_type": "application/x-www-form-urlencoded"}, id="one click"),
        pytest.param(
            {"data": {"List-Unsubscribe": "One-Click"}, "content_type": "multipart/form-data"}, id="multipart"
        ),
        pytest.param({}, id="button"),
    ],
)
def test_posting_unsubscribes_at_once_without_cookie_or_redirect(
    client: FlaskClient,
    engine: Engine,
    link: str,
    shop_id: int,
    rung: list[tuple[str, int]],
    request_of: dict[str, object],
) -> None:
    answer = client.post(link, **request_of)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "You are unsubscribed" in answer.get_data(as_text=True)
    assert _state(engine) == ("unsubscribed", "unsubscribe_page")
    assert rung == [("flows", shop_id), ("sync", shop_id)]
    assert _count(engine, "exit_marks") == 1
    # The contact at the provider, and the consent that the store has to hear of.
    assert _count(engine, "sync_state") == 2


def test_posting_twice_is_posting_once(
    client: FlaskClient, engine: Engine, link: str, rung: list[tuple[str, int]]
) -> None:
    first = client.post(link, data=ONE_CLICK, content_type="application/x-www-form-urlencoded")
    ledger, events = _count(engine, "consent_ledger"), _count(engine, "events")
    second = client.post(link, data=ONE_CLICK, content_type="application/x-www-form-urlencoded")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.data == second.data
    assert (_count(engine, "consent_ledger"), _count(engine, "events"), len(rung)) == (ledger, events, 2)


def test_it_works_both_ways(client: FlaskClient, engine: Engine, link: str) -> None:
    for _ in range(3):
        client.post(link)
        assert _state(engine) == ("unsubscribed", "unsubscribe_page")
        assert "Stay subscribed" in client.get(link).get_data(as_text=True)
        answer = client.post(link, data={"again": "1"})
        assert "You are subscribed" in answer.get_data(as_text=True)
        assert _state(engine) == ("subscribed", "unsubscribe_page")


def test_it_works_both_ways_while_business_time_stands_still(
    client_at: Callable[..., FlaskClient], engine: Engine, link: str
) -> None:
    still = client_at(clock_start=datetime(2026, 11, 21, tzinfo=UTC).timestamp(), clock_epoch=0.0, clock_rate=0.0)
    still.post(link)
    assert _state(engine) == ("unsubscribed", "unsubscribe_page")
    still.post(link, data={"again": "1"})
    assert _state(engine) == ("subscribed", "unsubscribe_page")
    still.post(link)
    assert _state(engine) == ("unsubscribed", "unsubscribe_page")


def test_evidence_from_a_clock_ahead_of_ours_does_not_undo_the_choice(
    client: FlaskClient, engine: Engine, link: str
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE consents SET evidence_at = evidence_at + interval '2 days'"))
    client.post(link)
    assert _state(engine) == ("unsubscribed", "unsubscribe_page")


def test_nobody_is_subscribed_who_was_not_before(
    client: FlaskClient, engine: Engine, shop_id: int, person_id: int, rung: list[tuple[str, int]]
) -> None:
    sms = f"/u/{token(KEYS, shop_id, person_id, 'sms')}"
    assert client.post(sms, data={"again": "1"}).status_code == 200
    assert (_state(engine, "sms"), rung) == (None, [])
    for state in ("pending", "not_subscribed", "undeliverable"):
        with engine.begin() as connection:
            connection.execute(text("UPDATE consents SET state = :state"), {"state": state})
        client.post(f"/u/{token(KEYS, shop_id, person_id, 'email')}", data={"again": "1"})
        assert _state(engine) == (state, "shopify")


def test_each_channel_and_person_has_a_link_of_its_own(
    client: FlaskClient, engine: Engine, shop_id: int, person_id: int
) -> None:
    client.post(f"/u/{token(KEYS, shop_id, person_id, 'sms')}")
    assert _state(engine, "sms") == ("unsubscribed", "unsubscribe_page")
    assert _state(engine, "email") == ("subscribed", "shopify")


def test_somebody_who_is_gone_gets_the_same_answer(
    client: FlaskClient, engine: Engine, shop_id: int, person_id: int, link: str
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE persons SET erased_at = created_at"))
        connection.execute(text("DELETE FROM consents"))
    for path in (link, f"/u/{token(KEYS, shop_id, person_id + 1000, 'email')}"):
        assert client.get(path).status_code == 200
        answer = client.post(path)
        assert answer.status_code == 200
        assert "You are unsubscribed" in answer.get_data(as_text=True)
    assert _state(engine) is None


def test_the_message_that_the_link_stood_in_is_told(
    client: FlaskClient, engine: Engine, shop_id: int, person_id: int
) -> None:
    with engine.begin() as connection:
        outbox_id = connection.execute(
            text(
                "INSERT INTO outbox (shop_id, key, run_id, flow, version, person_id, step, channel, message, purpose,"
                " priority, state, created_at, due_at, deadline, deferrals, attempts) VALUES (:shop, 'k',"
                " '6f0e9f6e-5d0b-5a3e-9a53-2f6f1b0c7a11', 'welcome', 1, :person, 's', 'email', 'm', 'marketing',"
                " 1, 'sent', :at, :at, :at, 0, 1) RETURNING id"
            ),
            {"shop": shop_id, "person": person_id, "at": datetime(2026, 1, 1, tzinfo=UTC)},
        ).scalar_one()
    client.post(f"/u/{token(KEYS, shop_id, person_id, 'email', outbox_id)}")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT unsubscribed_at FROM outbox")).scalar_one() is not None


def test_a_changed_link_is_not_found(client: FlaskClient, engine: Engine, link: str) -> None:
    for path in (link[:-1], link + "A", link.replace(".", ""), "/u/x", "/u/"):
        assert client.get(path).status_code == 404
        assert client.post(path).status_code == 404
    assert _state(engine) == ("subscribed", "shopify")


def test_a_link_of_before_the_key_was_changed_works(
    client: FlaskClient, engine: Engine, shop_id: int, person_id: int
) -> None:
    old = f"/u/{token(KEYS[1:], shop_id, person_id, 'email')}"
    assert client.post(old).status_code == 200
    assert _state(engine) == ("unsubscribed", "unsubscribe_page")


def test_the_shop_name_is_text_and_the_address_of_nobody_is_shown(client: FlaskClient, link: str) -> None:
    page = client.get(link).get_data(as_text=True)
    assert "Tea &amp; &lt;b&gt;Co&lt;/b&gt;" in page
    assert "ann" not in page
