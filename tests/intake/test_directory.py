"""The list of shops: read rarely, never too old, and served on while PostgreSQL is away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from connector.clock import monotonic, pause
from tests.intake.senders import add_shop
from webhooks import directory
from webhooks.directory import Directory, Unreadable


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every reading of the list."""
    made: list[int] = []
    read = Directory._read

    def counting(self: Directory, started: float) -> directory.Shops | None:
        made.append(1)
        return read(self, started)

    monkeypatch.setattr(Directory, "_read", counting)
    return made


@pytest.fixture
def shops(database_url: str, reads: list[int]) -> Iterator[Directory]:
    made = Directory(database_url, 2.0, lambda shop_id, token: token)
    made.start()
    yield made
    made.stop()


def _soon() -> float:
    return monotonic() + 2.0


def test_one_reading_serves_many(shops: Directory, engine: Engine, reads: list[int]) -> None:
    shop_id = add_shop(engine)
    for _ in range(100):
        assert shops.shops(_soon()).by_id[shop_id].domain == "demo-a.myshopify.com"
        assert "stranger.myshopify.com" not in shops.shops(_soon()).by_domain
    assert len(reads) == 1


def test_who_asks_for_a_newer_list_gets_one(shops: Directory, engine: Engine, reads: list[int]) -> None:
    assert not shops.shops(_soon()).by_id
    shop_id = add_shop(engine)
    assert not shops.shops(_soon()).by_id
    assert shop_id in shops.shops(_soon(), oldest=0.0).by_id
    assert len(reads) == 2


def test_a_list_that_is_due_serves_on_while_none_can_be_read(
    shops: Directory, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop_id = add_shop(engine)
    assert shop_id in shops.shops(_soon()).by_id
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE shops RENAME TO elsewhere"))
    with pytest.raises(Unreadable):
        shops.shops(_soon(), oldest=0.0)
    # Every list is now due at once.
    monkeypatch.setattr(directory, "FRESH_SECONDS", 0.0)
    assert shop_id in shops.shops(_soon(), oldest=0.0).by_id
    monkeypatch.setattr(directory, "SPARE_SECONDS", 0.0)
    with pytest.raises(Unreadable):
        shops.shops(_soon(), oldest=0.0)


def test_a_list_is_read_again_before_anybody_has_to_wait_for_it(
    shops: Directory, engine: Engine, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shops.shops(_soon())
    shop_id = add_shop(engine)
    monkeypatch.setattr(directory, "RENEW_SECONDS", 0.0)
    # Served from the list that is there, and the next one is on its way.
    assert shop_id not in shops.shops(_soon()).by_id
    end = _soon()
    while len(reads) < 2 and monotonic() < end:
        pause(0.01)
    monkeypatch.setattr(directory, "RENEW_SECONDS", 3.0)
    pause(0.1)
    assert shop_id in shops.shops(_soon()).by_id


def test_without_any_list_there_is_no_answer(database_url: str) -> None:
    nowhere = Directory("postgresql+psycopg://nobody@127.0.0.1:1/none", 0.5, lambda shop_id, token: token)
    nowhere.start()
    with pytest.raises(Unreadable):
        nowhere.shops(_soon())
    nowhere.stop()
    with pytest.raises(Unreadable):
        nowhere.shops(monotonic() + 0.2)
