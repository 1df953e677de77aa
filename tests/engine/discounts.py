"""What tests of actions share: a store whose answer is not heard, a death, a shop with codes of its own."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sqlalchemy import update

from connector import shops
from connector.db.session import transaction
from connector.http import Answer, CallFailed, Http
from connector.models.shop import shops as shops_table
from flows.engine import acting
from tests.engine.installation import ConnectedShop, Installation


class Deaf(Http):
    """Does not hear the answer to so many calls of this mutation."""

    deaf_to = 0

    def __init__(self, mutation: bytes) -> None:
        super().__init__()
        self._mutation = mutation

    def turn_deaf(self, mutation: bytes, times: int = 1) -> None:
        """To so many calls of this one from now on."""
        self._mutation, self.deaf_to = mutation, times

    def post_to_store(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = super().post_to_store(url, headers, body)
        if self.deaf_to and self._mutation in body:
            self.deaf_to -= 1
            raise CallFailed("the answer was not read")
        return answer


class Death(BaseException):
    """What follows is not done."""


def shop_of_its_own(product: Installation, request: pytest.FixtureRequest) -> ConnectedShop:
    """A shop without flows. With a salt of its own: the store has the codes of the other tests."""
    made = product.connect(flows=[])
    salt = f"{request.node.name} {product.deps.settings.database_url}"
    with transaction(product.deps.engine) as connection:
        connection.execute(update(shops_table).where(shops_table.c.id == made.id).values(salt=salt.encode()))
        made.shop = shops.load(connection, made.id)
    return made


def die_at(point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first time that somebody comes there."""
    died: list[str] = []

    def reach(name: str) -> None:
        if name == point and not died:
            died.append(name)
            raise Death(name)

    monkeypatch.setattr(acting, "reach", reach)


def recover(product: Installation) -> None:
    for _ in range(2):
        product.skip(600)
        product.settle()
