"""Bulk work never delays a live change by more than two seconds beyond what the limits' arithmetic says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import httpx
import orjson
import pytest
from sqlalchemy import Connection

from connector.scope import Scope, scoped
from sync.copies import RESOURCES, contact, upsert
from sync.copies.contact import BULK_CONTACTS
from sync.copies.sending import send_due
from sync.copies.turn import one_by_one
from sync.imports import import_due
from sync.wishes import wish
from tests.sync.world import World, world

BEYOND = 2.0
_TICK = 0.1
BACKLOG, LIVE = 60, 12


@pytest.fixture
def shop(database_url: str, redis_url: str) -> Iterator[World]:
    """The general plan, and a bulk that leaves by single calls, which is the worst for others."""
    with world(database_url, redis_url, import_after_seconds=3600.0) as made:
        yield made


def longest_wait(shop: World) -> float:
    """Seconds until the last of some live changes that come together amid a backlog of bulk has been told."""
    for number in range(BACKLOG):
        with shop.transaction() as connection, _quiet(shop, connection) as scope:
            wish(scope, "contact", shop.person(number), 1)
    told: dict[str, float] = {}
    waited = 0.0

    def note(request: httpx.Request) -> None:
        told.setdefault(orjson.loads(request.content)["email"], waited)

    for _ in range(15):
        _tick(shop)
    shop.brevo.answer = note
    live = [shop.person(1000 + number) for number in range(LIVE)]
    for person in live:
        shop.wish(person)
    wanted = {f"p{1000 + number}@x.test" for number in range(LIVE)}
    while not wanted <= told.keys():
        _tick(shop)
        waited += _TICK
        assert waited < 60
    assert len(told) < LIVE + BACKLOG, "the backlog was still there"
    return max(told[email] for email in wanted)


def _quiet(shop: World, connection: Connection) -> AbstractContextManager[Scope]:
    return scoped(connection, shop.shop, shop.clock, shop.deps.settings, quiet=True)


def _tick(shop: World) -> None:
    """The two workers, the one with the bulk first."""
    shop.clock.pass_seconds(_TICK)
    import_due(shop.deps, shop.shop)
    send_due(shop.deps, shop.shop, RESOURCES)


def test_a_backlog_of_bulk_leaves_live_changes_their_place(shop: World) -> None:
    arithmetic = shop.deps.brevo(shop.shop).drain_seconds(upsert.BUCKET, LIVE)
    assert longest_wait(shop) <= arithmetic + BEYOND


@pytest.mark.long
def test_control_bulk_in_the_lane_of_live_changes_goes_before_them(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = replace(BULK_CONTACTS, send=one_by_one(upsert.BUCKET, contact.read, contact._send))
    monkeypatch.setattr("sync.imports.BULK_CONTACTS", careless)
    arithmetic = shop.deps.brevo(shop.shop).drain_seconds(upsert.BUCKET, LIVE)
    assert longest_wait(shop) > arithmetic + BEYOND
