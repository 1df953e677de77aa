"""Many changes of one person within seconds are one call, and a lone change waits for no more than two of them: from
webhooks on, counted at the provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from connector.settings import Settings
from sync import attributes
from sync.mapping import contact
from tests.engine.installation import ConnectedShop, Installation, installation
from tests.engine.shoppers import hand_over
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import SHOP, Received, Receiver, StoreProcess
from tests.sync.imports.crowd import requests

CHANGES = 5
# Machine seconds: within these all change, and within these each one's changes come.
SPAN, BURST = 10.0, 0.5
_TICK = 0.125
# Of contacts, and of readings from the store, as they come.
WINDOWS = Settings().contact_coalesce_seconds, Settings().fetch_coalesce_seconds


@pytest.fixture
def webhooks(store: StoreProcess) -> Iterator[Receiver]:
    with Receiver() as receiver:
        store.post("subscribe", uri=receiver.url, shops=[SHOP])
        yield receiver
        store.post("unsubscribe")


def calls_for(product: Installation, store: StoreProcess, webhooks: Receiver, name: str, people: int) -> int:
    """Contact calls for so many known people who change five times each; the last word is what Brevo has then."""
    shop = product.connect(flows=[])
    attributes.ensure(shop.deps.brevo(shop.shop), contact.attributes({}))
    emails = [f"{name}-{number}@example.com" for number in range(people)]
    for email in emails:
        store.act("create_customer", email=email, first_name="Ada")
    _drain(shop, webhooks)
    _quiet_down(product)
    before = len(requests(shop, "/contacts"))
    assert before >= people and len(shop.contacts()) == people
    arrivals: list[tuple[float, Received]] = []
    for number, email in enumerate(emails):
        begins = number * (SPAN - BURST) / people
        for change in range(CHANGES):
            # What the payload tells, and what has to be read from the store.
            store.act("change_customer", email=email, first_name=f"Ada {change}", locale=("de", "fr")[change % 2])
            store.settle()
            arrivals += [(begins + change * BURST / CHANGES, one) for one in _taken(webhooks)]
    assert len(arrivals) == people * CHANGES
    passed = 0.0
    product.clock.hold()
    for at, one in sorted(arrivals, key=lambda pair: pair[0]):
        while passed + _TICK < at:
            product.skip(_TICK)
            passed += _TICK
            product.settle()
        hand_over(shop, [one])
    _quiet_down(product)
    there = shop.contacts()
    assert all(there[email]["attributes"]["FIRSTNAME"] == f"Ada {CHANGES - 1}" for email in emails)
    assert all(there[email]["attributes"]["LOCALE"] == "de" for email in emails)
    return len(requests(shop, "/contacts")) - before


def _taken(webhooks: Receiver) -> list[Received]:
    received, webhooks.received = webhooks.received, []
    return received


def _drain(shop: ConnectedShop, webhooks: Receiver) -> None:
    hand_over(shop, _taken(webhooks))
    shop.installation.settle()


def _quiet_down(product: Installation) -> None:
    for _ in range(60):
        product.skip(_TICK * 2)
        product.settle()


def test_changes_of_a_person_within_seconds_are_one_call(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess, webhooks: Receiver
) -> None:
    with _installed(database_url, redis_url, tmp_path, provider, store, *WINDOWS) as product:
        assert calls_for(product, store, webhooks, "burst", 20) <= 21


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_thousand_changes_of_two_hundred_people_are_at_most_210_calls(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess, webhooks: Receiver
) -> None:
    with _installed(database_url, redis_url, tmp_path, provider, store, *WINDOWS) as product:
        assert calls_for(product, store, webhooks, "thousand", 200) <= 210


@pytest.mark.long
def test_control_without_a_window_there_are_more(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess, webhooks: Receiver
) -> None:
    with _installed(database_url, redis_url, tmp_path, provider, store, 0.0, 0.0) as product:
        assert calls_for(product, store, webhooks, "control", 6) > 12


def waits(
    product: Installation, store: StoreProcess, webhooks: Receiver, act: str, *, lost: bool = False, **change: str
) -> float:
    """Machine seconds from the webhook of a lone change of a known customer to the contact call that tells it.
    ``lost``: there is no query left with which the store could be asked for the customer."""
    shop = product.connect(flows=[])
    attributes.ensure(shop.deps.brevo(shop.shop), contact.attributes({}))
    email = f"lone-{shop.id}-{len(change)}-{lost}-{act}@example.com".replace("_", "-").lower()
    store.act("create_customer", email=email, accepts_marketing=True)
    _drain(shop, webhooks)
    _quiet_down(product)
    before = len(requests(shop, "/contacts"))
    if lost:
        store.post("bucket", shop=SHOP, left=-100_000)
    store.act(act, email=email, **change)
    store.settle()
    hand_over(shop, _taken(webhooks))
    for ticks in range(60):
        product.settle()
        if len(requests(shop, "/contacts")) > before:
            return ticks * _TICK
        product.skip(_TICK)
    raise AssertionError("it is not told")


def test_a_lone_change_waits_for_its_own_window_only(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess, webhooks: Receiver
) -> None:
    with _installed(database_url, redis_url, tmp_path, provider, store, *WINDOWS) as product:
        assert waits(product, store, webhooks, "change_customer", locale="fr") <= max(WINDOWS) + _TICK


def test_a_change_does_not_wait_for_a_store_that_does_not_answer(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess, webhooks: Receiver
) -> None:
    with _installed(database_url, redis_url, tmp_path, provider, store, *WINDOWS) as product:
        waited = waits(product, store, webhooks, "change_customer", lost=True, first_name="Grace")
        store.post("bucket", shop=SHOP, left=2000)
        # A tick may pass by itself on a busy machine.
        assert max(WINDOWS) <= waited + _TICK <= 2


def test_an_opt_out_waits_for_nothing(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess, webhooks: Receiver
) -> None:
    with _installed(database_url, redis_url, tmp_path, provider, store, *WINDOWS) as product:
        assert waits(product, store, webhooks, "set_consent", state="unsubscribed") == 0


def _installed(
    database_url: str,
    redis_url: str,
    folder: Path,
    provider: Provider,
    store: StoreProcess,
    window: float,
    reading: float,
) -> AbstractContextManager[Installation]:
    return installation(
        database_url,
        redis_url,
        folder,
        provider,
        store,
        contact_coalesce_seconds=window,
        fetch_coalesce_seconds=reading,
    )
