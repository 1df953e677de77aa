"""The preference page: what is known in plain words, each choice on its own, and nothing without the signed link."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from connector import shops
from connector.db.session import transaction
from connector.scope import Scope, scoped
from connector.settings import Settings
from connector.unsubscribe import token
from sync import consent, people
from tests.web.conftest import KEYS

JUNE = datetime(2026, 6, 3, 12, tzinfo=UTC)


@pytest.fixture
def opened(engine: Engine, settings: Settings, shop_id: int) -> Callable[[], Any]:
    """One transaction on behalf of the shop."""

    @contextmanager
    def scope() -> Iterator[Scope]:
        with (
            transaction(engine) as connection,
            scoped(connection, shops.load(connection, shop_id), settings.clock, settings) as made,
        ):
            yield made

    return scope


@pytest.fixture
def person_id(opened: Callable[[], Any], say: Callable[..., None]) -> int:
    """Ann, who agreed to emails in the shop in June."""
    with opened() as scope:
        found = people.identify(scope, email="ann@example.com")
        assert found is not None
        number = int(found.person_id)
        consent.record(scope, number, "email", "subscribed", source="shopify", evidence_at=JUNE)
        return number


@pytest.fixture
def say(opened: Callable[[], Any]) -> Callable[..., None]:
    def record(person_id: int, channel: str, state: str, **fields: Any) -> None:
        with opened() as scope:
            consent.record(
                scope, person_id, channel, state, **{"source": "shopify", "evidence_at": JUNE + timedelta(1), **fields}
            )

    return record


@pytest.fixture
def link(shop_id: int, person_id: int) -> str:
    return f"/p/{token(KEYS, shop_id, person_id, 'email')}"


@pytest.fixture(autouse=True)
def in_the_states(configure: Callable[..., None]) -> None:
    """Where a single opt-in is enough."""
    configure(country="US")


@pytest.fixture
def configure(engine: Engine, shop_id: int) -> Callable[..., None]:
    def change(**settings: Any) -> None:
        with transaction(engine) as connection:
            shops.change_settings(connection, shop_id, settings)

    return change


def choices(page: str) -> dict[str, tuple[bool, bool, str]]:
    """{name: (ticked, changeable, what is said of it)}."""
    found = re.findall(
        r'<input type="checkbox" name="want" value="([^"]+)"[^>]*?aria-describedby="[^"]+"( checked)?( disabled)?>'
        r".*?<p [^>]+>(.*?)</p>",
        page,
        re.DOTALL,
    )
    return {name: (bool(on), not off, " ".join(said.split())) for name, on, off, said in found}


def form(page: str, **changes: bool) -> dict[str, list[str]]:
    """What a browser sends of the page when these boxes (``email_cart``) are ticked or unticked."""
    hidden = {
        name: re.findall(rf'<input type="hidden" name="{name}" value="([^"]+)">', page) for name in ("shown", "on")
    }
    want = {name for name, (ticked, changeable, _) in choices(page).items() if ticked and changeable}
    for name, on in changes.items():
        (want.add if on else want.discard)(name.replace("_", ".", 1))
    return {**hidden, "want": sorted(want)}


def standing(engine: Engine) -> dict[str, tuple[str, str | None, str]]:
    """{channel.purpose: (state, level, source)}."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT channel, purpose, state, level, source FROM consents"))
        return {f"{row.channel}.{row.purpose}": (row.state, row.level, row.source) for row in rows}


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def shown(client: FlaskClient, link: str) -> str:
    answer = client.get(link)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_it_says_what_is_known_and_since_when_and_changes_nothing(
    client: FlaskClient, engine: Engine, link: str, rung: list[tuple[str, int]]
) -> None:
    before = count(engine, "consent_ledger")
    assert choices(shown(client, link)) == {
        "email.newsletter": (True, True, "You agreed on June 3, 2026. You told us in the shop."),
        "email.cart": (True, True, "It comes with news and offers."),
        "email.open_tracking": (True, True, "We do this unless you decline."),
        "any.profiling": (True, True, "We do this unless you decline."),
    }
    for method in ("GET", "HEAD", "OPTIONS"):
        assert client.open(link, method=method).status_code == 200
    assert client.put(link).status_code == 405
    assert (count(engine, "consent_ledger"), rung) == (before, [])


def test_each_choice_is_put_down_with_what_shows_it(
    client: FlaskClient, engine: Engine, link: str, rung: list[tuple[str, int]], shop_id: int
) -> None:
    page = shown(client, link)
    answer = client.post(link, data=form(page, email_cart=False, email_open_tracking=False, any_profiling=False))
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (200, False)
    assert "Your choices are saved" in answer.get_data(as_text=True)
    assert standing(engine) == {
        "email.newsletter": ("subscribed", None, "shopify"),
        "email.cart": ("unsubscribed", None, "preference_page"),
        "email.open_tracking": ("unsubscribed", None, "preference_page"),
        "any.profiling": ("unsubscribed", None, "preference_page"),
    }
    with engine.connect() as connection:
        line = connection.execute(text("SELECT evidence FROM consent_ledger WHERE purpose = 'cart'")).scalar_one()
    assert line["text"] == "Reminders of what you left in your cart or looked at" and line["language"] == "en"
    assert re.fullmatch("[0-9a-f]{64}", line["ip_digest"]) and line["outbox_id"] is None
    assert set(rung) == {("flows", shop_id), ("sync", shop_id)}
    # And back: each is offered again.
    page = answer.get_data(as_text=True)
    client.post(link, data=form(page, email_cart=True, email_open_tracking=True, any_profiling=True))
    assert {state for state, _, _ in standing(engine).values()} == {"subscribed"}


def test_what_was_left_as_it_was_shown_says_nothing(
    client: FlaskClient, engine: Engine, link: str, person_id: int, say: Callable[..., None]
) -> None:
    page = shown(client, link)
    say(person_id, "email", "unsubscribed")
    client.post(link, data=form(page, any_profiling=False))
    assert standing(engine)["email.newsletter"] == ("unsubscribed", None, "shopify")
    # The control: the same form from somebody who was shown that they had left.
    answer = client.post(link, data=form(shown(client, link), email_newsletter=True))
    assert standing(engine)["email.newsletter"] == ("subscribed", "single_opt_in", "preference_page")
    lines = count(engine, "consent_ledger")
    client.post(link, data=form(answer.get_data(as_text=True)))
    assert count(engine, "consent_ledger") == lines


def test_who_leaves_a_channel_leaves_its_other_purposes_and_gets_them_back_with_it(
    client: FlaskClient, engine: Engine, link: str
) -> None:
    page = client.post(link, data=form(shown(client, link), email_newsletter=False)).get_data(as_text=True)
    assert choices(page)["email.newsletter"][0] is False
    assert choices(page)["email.cart"] == (False, False, "It comes only together with news and offers.")
    # A forged form does not get around it.
    client.post(link, data={"shown": "email.cart", "want": "email.cart"})
    assert "email.cart" not in standing(engine)
    page = client.post(link, data=form(page, email_newsletter=True)).get_data(as_text=True)
    assert choices(page)["email.cart"][:2] == (True, True)


def test_everything_is_one_click(client: FlaskClient, engine: Engine, link: str, say: Callable[..., None]) -> None:
    answer = client.post(link, data={"everything": "1"})
    assert "You are unsubscribed from everything" in answer.get_data(as_text=True)
    assert standing(engine) == {
        f"{channel}.{purpose}": ("unsubscribed", None, "preference_page")
        for channel, purpose in (("email", "newsletter"), ("sms", "sms"), ("whatsapp", "whatsapp"), ("push", "push"))
    }
    lines = count(engine, "consent_ledger")
    assert client.post(link, data={"everything": "1"}).status_code == 200
    assert count(engine, "consent_ledger") == lines


def test_other_channels_are_shown_when_anything_is_known_of_them(
    client: FlaskClient, engine: Engine, link: str, person_id: int, say: Callable[..., None]
) -> None:
    assert "sms.sms" not in choices(shown(client, link))
    client.post(link, data={"shown": "sms.sms", "want": "sms.sms"})
    assert "sms.sms" not in standing(engine)
    say(person_id, "sms", "subscribed", source="checkout", level="single_opt_in")
    assert choices(shown(client, link))["sms.sms"] == (
        True, True, "You agreed on June 4, 2026. You told us at the checkout.",
    )  # fmt: skip
    client.post(link, data=form(shown(client, link), sms_sms=False))
    assert standing(engine)["sms.sms"] == ("unsubscribed", None, "preference_page")


@pytest.mark.parametrize("set_up", [True, False])
def test_where_a_yes_has_to_be_confirmed_it_is_asked_for_and_counts_later(
    client: FlaskClient, engine: Engine, link: str, configure: Callable[..., None], set_up: bool
) -> None:
    configure(country="DE", double_opt_in={"template_id": 3, "list_id": 4} if set_up else {})
    client.post(link, data={"everything": "1"})
    page = shown(client, link)
    assert choices(page)["email.newsletter"][1] is set_up
    assert ("You can sign up for this in our shop." in choices(page)["email.newsletter"][2]) is not set_up
    # A text message cannot be confirmed anywhere.
    assert choices(page)["sms.sms"][1] is False
    page = client.post(link, data={"shown": "email.newsletter", "want": "email.newsletter"}).get_data(as_text=True)
    with engine.connect() as connection:
        wishes = connection.execute(text("SELECT count(*) FROM sync_state WHERE entity = 'double_opt_in'")).scalar_one()
    assert wishes == (1 if set_up else 0)
    assert standing(engine)["email.newsletter"][0] == ("subscribed" if set_up else "unsubscribed")
    assert ("It counts once you have confirmed it" in choices(page)["email.newsletter"][2]) is set_up


def test_who_confirmed_the_address_confirms_no_purpose_anew(
    client: FlaskClient, engine: Engine, link: str, person_id: int, say: Callable[..., None], configure: Any
) -> None:
    configure(country="DE", double_opt_in={"template_id": 3, "list_id": 4})
    say(person_id, "email", "subscribed", level="confirmed_opt_in", source="double_opt_in")
    for on in (False, True):
        page = client.post(link, data=form(shown(client, link), email_cart=on)).get_data(as_text=True)
        assert choices(page)["email.cart"][0] is on
    assert standing(engine)["email.cart"] == ("subscribed", "confirmed_opt_in", "preference_page")


def test_an_address_that_is_blocked_cannot_be_switched_on(
    client: FlaskClient, engine: Engine, link: str, opened: Callable[[], Any]
) -> None:
    with opened() as scope:
        consent.suppress(scope, "email", "ann@example.com", "hard_bounce")
    said = choices(shown(client, link))["email.newsletter"]
    assert said == (False, False, "Messages to you came back or were reported, so we send none.")
    lines = count(engine, "consent_ledger")
    client.post(link, data={"shown": "email.newsletter", "want": "email.newsletter"})
    assert count(engine, "consent_ledger") == lines


def test_opens_are_recorded_only_of_who_agrees_where_the_law_asks(
    client: FlaskClient, link: str, configure: Callable[..., None]
) -> None:
    configure(country="FR")
    assert choices(shown(client, link))["email.open_tracking"] == (False, True, "You have not agreed.")
    page = client.post(link, data=form(shown(client, link), email_open_tracking=True)).get_data(as_text=True)
    assert choices(page)["email.open_tracking"][0] is True


def test_nothing_is_said_of_who_is_gone(client: FlaskClient, engine: Engine, link: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE persons SET erased_at = created_at"))
    for answer in (client.get(link), client.post(link, data={"everything": "1"}), client.post(link)):
        page = answer.get_data(as_text=True)
        assert answer.status_code == 200 and "We hold nothing about you any more." in page
        assert "checkbox" not in page


@pytest.mark.parametrize("data", [{}, {"shown": "email.newsletter", "on": "email.newsletter"}, {"everything": "1"}])
def test_a_changed_or_foreign_link_is_not_found(
    client: FlaskClient, engine: Engine, link: str, data: Mapping[str, str], shop_id: int, person_id: int
) -> None:
    foreign = token(["a" * 43 + "="], shop_id, person_id, "email")
    for path in (link[:-1], link + "A", link.replace(".", ""), "/p/x", "/p/", f"/p/{foreign}"):
        assert client.get(path).status_code == 404
        assert client.post(path, data=data).status_code == 404
    # A person of another shop is nobody in the shop that the link names.
    elsewhere = f"/p/{token(KEYS, shop_id, person_id + 1000, 'email')}"
    assert "checkbox" not in client.post(elsewhere, data=data).get_data(as_text=True)
    assert standing(engine) == {"email.newsletter": ("subscribed", None, "shopify")}


@pytest.mark.parametrize(
    "form_of",
    [
        {"shown": ["email.nothing", "x", "", "any.newsletter", "email"], "want": ["email.nothing", "x"]},
        {"want": ["email.newsletter"] * 200, "on": ["\x00", "<script>"]},
        {"everything": "2", "again": "1"},
    ],
)
def test_forms_that_the_page_never_sends_change_nothing(
    client: FlaskClient, engine: Engine, link: str, form_of: Mapping[str, Any]
) -> None:
    assert client.post(link, data=form_of).status_code == 200
    assert standing(engine) == {"email.newsletter": ("subscribed", None, "shopify")}


def test_the_page_is_reached_from_the_unsubscribe_page(client: FlaskClient, link: str) -> None:
    page = client.get(link.replace("/p/", "/u/") + "?lang=de").get_data(as_text=True)
    assert f'<a href="..{link}?lang=de">Auswählen, was Sie bekommen</a>' in page


def test_names_and_settings_are_text(client: FlaskClient, engine: Engine, link: str, shop_id: int) -> None:
    script = "<script>alert(1)</script>"
    # Past the schema, as an older version may have stored it.
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE shops SET settings = CAST(:settings AS jsonb)"),
            {"settings": orjson.dumps({"country": "US", "brand": {"name": f"{script}{{shop}}"}}).decode()},
        )
        connection.execute(text("UPDATE persons SET first_name = :s, locale = :s"), {"s": script})
    for path in (link, link.replace("/p/", "/u/"), f"{link}?lang=%22%3E{script}"):
        page = shown(client, path)
        assert script not in page and "&lt;script&gt;alert(1)&lt;/script&gt;{shop}" in page
        assert "ann@example" not in page
