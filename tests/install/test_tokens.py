"""A shop's token: renewed before it ends, when it is refused, and when nobody has asked for it for a week."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from connector import sweep, worker
from connector.chains import IDLE_SECONDS
from connector.db.session import transaction
from connector.errors import ActionNeeded, Refused, Retry
from connector.install.store import arrive, give_client, give_token
from connector.models.shop import shops
from connector.shops import Shop
from sandbox.store.apps import DEFAULT_CLIENT_ID
from sandbox.store.settings import DEFAULT_SECRET
from tests.install.merchant import Merchant, built, merchant, opened
from tests.sandbox.store_process import SHOP, StoreProcess


@pytest.fixture(scope="module")
def store() -> Iterator[StoreProcess]:
    with opened() as one:
        yield one


@pytest.fixture
def made(store: StoreProcess, database_url: str, redis_url: str) -> Iterator[Merchant]:
    with merchant(store, database_url, redis_url) as one:
        yield one


@pytest.fixture
def impatient(store: StoreProcess, database_url: str, redis_url: str) -> Iterator[Merchant]:
    """The same, who has given up before the answer comes that is held back longest."""
    with merchant(store, database_url, redis_url, store_timeout_seconds=0.6) as one:
        yield one


def row(made: Merchant) -> Any:
    with transaction(made.deps.engine) as connection:
        return connection.execute(select(shops).where(shops.c.domain == SHOP)).mappings().one()


def change(made: Merchant, **values: Any) -> Shop:
    with transaction(made.deps.engine) as connection:
        connection.execute(update(shops).where(shops.c.domain == SHOP).values(**values))
    return made.loaded(row(made)["id"])


def ask(made: Merchant, shop: Shop) -> str:
    return str(made.deps.store(shop).query("shop")["shop"]["currencyCode"])


def ended(made: Merchant, shop: Shop) -> Shop:
    """The token ends in less than a minute."""
    return change(made, token_expires_wire=made.deps.clock.wire() + 59)


def numbers(made: Merchant) -> list[int]:
    return [one["number"] for one in made.told()["tokens"] if one["kind"] == "expiring"]


def test_an_exchange_gives_a_pair_that_is_sealed(made: Merchant) -> None:
    shop = made.installed()
    stored, issued = row(made), made.told()["tokens"][-1]
    assert shop.token_kind == "expiring" and ask(made, shop) == "EUR"
    assert stored["token_expires_wire"] == pytest.approx(issued["access_expires_at"], abs=3)
    assert stored["refresh_expires_wire"] == pytest.approx(issued["refresh_expires_at"], abs=3)
    told = " ".join(str(value) for value in stored.values())
    assert "shpat_" not in told and "shprt" not in told
    assert "read_orders" in stored["granted_scopes"]


def test_a_token_is_renewed_a_minute_before_it_ends(made: Merchant) -> None:
    shop = made.installed()
    before = numbers(made)
    assert ask(made, change(made, token_expires_wire=made.deps.clock.wire() + 61)) == "EUR"
    assert numbers(made) == before
    assert ask(made, ended(made, shop)) == "EUR"
    assert len(numbers(made)) == len(before) + 1
    assert row(made)["token_lease_real"] is None


def test_a_refused_token_is_renewed_and_the_call_repeated(made: Merchant) -> None:
    shop = made.installed()
    made.store.post("expire", shop=SHOP, what="access")
    # What we know of its end says nothing of that.
    assert row(made)["token_expires_wire"] > made.deps.clock.wire() + 3000
    assert ask(made, shop) == "EUR"
    # Somebody who was loaded before that knows only the old token, and finds the new one.
    issued = numbers(made)
    assert ask(made, shop) == "EUR" and numbers(made) == issued


def test_many_at_once_renew_once(made: Merchant) -> None:
    shop = ended(made, made.installed())
    before = numbers(made)
    with ThreadPoolExecutor(4) as crowd:
        said = list(crowd.map(lambda _: ask(made, shop), range(4)))
    assert said == ["EUR"] * 4 and len(numbers(made)) == len(before) + 1


def test_an_answer_that_was_lost_is_asked_for_again(made: Merchant) -> None:
    shop = ended(made, made.installed())
    made.faults({"kind": "lost", "grant": "refresh_token", "count": 1})
    with pytest.raises(Retry):
        made.deps.tokens(shop).after(made.deps.tokens(shop).current())
    assert ask(made, shop) == "EUR"
    told = made.told()
    assert [one["delivered"] for one in told["tokens"]][-2:] == [False, True] and not told["locked_out"]


@pytest.mark.parametrize("keeps_the_one_before", [True, False])
def test_a_call_that_comes_late_makes_the_stored_pair_void(impatient: Merchant, keeps_the_one_before: bool) -> None:
    """The control is a product that forgets the refresh token which the pair was got with."""
    made = impatient
    shop = made.installed()
    first = made.deps.tokens(shop).current()
    made.faults({"kind": "delay", "grant": "refresh_token", "count": 1, "seconds": 1.8})
    with pytest.raises(Retry):
        made.deps.tokens(shop).after(first)
    second = made.deps.tokens(shop).after(first)
    issued = len(numbers(made))
    while len(numbers(made)) == issued:
        time.sleep(0.05)
    if not keeps_the_one_before:
        change(made, shopify_refresh_before=None)
        with pytest.raises(ActionNeeded, match="open the app in the Shopify admin again"):
            made.deps.tokens(shop).after(second)
        return
    made.deps.tokens(shop).after(second)
    assert ask(made, made.loaded(shop.id)) == "EUR" and not made.told()["locked_out"]


def test_who_is_too_late_stores_nothing(made: Merchant) -> None:
    shop = made.installed()
    tokens, late = made.deps.tokens(shop), made.deps.tokens(shop)
    kept = late._read()
    assert kept is not None
    claimed = late._claim(kept)
    assert claimed is not None
    # Its lease runs out, and another one renews.
    change(made, token_lease_real=made.deps.clock.machine().replace(year=2020))
    token = tokens.after(tokens.current())
    stored = row(made)
    assert late._renew(claimed) is None
    assert row(made)["shopify_token"] == stored["shopify_token"]
    assert made.deps.tokens(made.loaded(shop.id)).current() == token


def test_a_store_that_gives_none_any_more_says_what_to_do(made: Merchant) -> None:
    shop = made.installed()
    made.store.post("expire", shop=SHOP, what="both")
    with pytest.raises(ActionNeeded, match="open the app in the Shopify admin again"):
        ask(made, shop)
    assert made.loaded(shop.id).token_trouble == "invalid_grant"
    refused = made.told()["refused"]
    with pytest.raises(ActionNeeded, match="open the app"):
        ask(made, ended(made, shop))
    assert made.told()["refused"] == refused, "it is left alone for a while"
    made.deps.tokens(shop).exchange(made.session_token())
    healed = made.loaded(shop.id)
    assert healed.token_trouble is None and ask(made, healed) == "EUR"


def test_an_idle_shop_is_renewed_each_week(made: Merchant) -> None:
    shop = made.installed()
    before = numbers(made)

    def due(clock: Any) -> list[int]:
        with transaction(made.deps.engine) as connection:
            return sweep.due(connection, clock).get("tokens", [])

    assert due(made.deps.clock) == [] and not worker.work(made.deps, "tokens", shop.id)
    assert numbers(made) == before
    change(made, token_stored_wire=made.deps.clock.wire() - IDLE_SECONDS - 1, state="paused")
    assert due(made.deps.clock) == [shop.id]
    worker.work(made.deps, "tokens", shop.id)
    assert len(numbers(made)) == len(before) + 1 and due(made.deps.clock) == []
    # A store that does not answer is not asked every second.
    made.faults({"kind": "error", "grant": "refresh_token", "count": 1})
    change(made, token_stored_wire=made.deps.clock.wire() - IDLE_SECONDS - 1)
    worker.work(made.deps, "tokens", shop.id)
    assert due(made.deps.clock) == []


def test_client_credentials_are_renewed_before_their_day_is_over(made: Merchant) -> None:
    shop = give_client(made.deps, arrive(made.deps, SHOP), DEFAULT_CLIENT_ID, DEFAULT_SECRET)
    assert (shop.token_kind, shop.own_app) == ("client_credentials", True)
    assert shop.token_expires == pytest.approx(made.deps.clock.wire() + 86_399, abs=5)
    assert ask(made, shop) == "EUR"
    # By themselves: the app of the settings is another.
    elsewhere = replace(made.deps.settings, shopify_api_key="other", shopify_api_secret="other")
    deps = built(elsewhere)
    try:
        late = change(made, token_expires_wire=made.deps.clock.wire() + 599)
        assert deps.store(late).query("shop") and row(made)["token_expires_wire"] > made.deps.clock.wire() + 80_000
    finally:
        deps.close()
    with pytest.raises(ActionNeeded, match="client id and secret"):
        give_client(made.deps, shop, DEFAULT_CLIENT_ID, "wrong")


def test_a_token_that_does_not_expire_stays(made: Merchant) -> None:
    shop = give_token(made.deps, arrive(made.deps, SHOP), made.store.ready["tokens"][SHOP])
    assert shop.token_kind == "fixed" and ask(made, shop) == "EUR"
    wrong = give_token(made.deps, shop, "shpat_wrong")
    with pytest.raises(ActionNeeded, match="connect the shop again"):
        ask(made, wrong)


def test_a_stale_session_token_gives_nothing(made: Merchant) -> None:
    shop = made.installed()
    past = int(made.deps.clock.machine().timestamp()) - 100
    before = row(made)["shopify_token"]
    with pytest.raises(Refused) as refused:
        made.deps.tokens(shop).exchange(made.session_token(exp=past, nbf=past - 60))
    assert refused.value.code == "invalid_subject_token" and row(made)["shopify_token"] == before
    assert ask(made, shop) == "EUR"
