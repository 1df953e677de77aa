"""A system of the merchant's that tells of events: the real application with the real writer behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson
from flask.testing import FlaskClient
from redis import Redis
from werkzeug.test import TestResponse

from connector.api import keys
from connector.api.reception import Store
from connector.app import create_app
from connector.db.session import transaction
from tests.engine.installation import ConnectedShop

_numbers = count(1)


def key_of(shop: ConnectedShop, name: str = "help desk") -> str:
    with transaction(shop.deps.engine) as connection:
        return keys.create(connection, shop.id, name, actor="cli", now=shop.installation.now)[1]


@dataclass
class Teller:
    """``rung``: the bells that its requests rang."""

    web: FlaskClient
    key: str
    rung: list[tuple[str, int]]

    def post(self, body: Any, *, path: str = "/api/events", key: str | None = None, **headers: str) -> TestResponse:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        given = {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json", **headers}
        return self.web.post(path, data=raw, headers=given)

    def tell(self, kind: str, person: Mapping[str, Any], **told: Any) -> str:
        """Tell of one event, which is taken; returns its id."""
        body = {"id": f"told-{next(_numbers)}", "type": kind, "person": dict(person), **told}
        answer = self.post(body)
        assert answer.status_code == 202, answer.get_data(as_text=True)
        assert answer.json == {"id": body["id"]}
        return str(body["id"])


def teller_of(shop: ConnectedShop, *, store: Store | None = None, redis: Redis | None = None) -> Teller:
    made, rung = shop.installation, list[tuple[str, int]]()
    app = create_app(
        made.deps.settings,
        made.deps.engine,
        redis or made.deps.redis,
        store=store or made.writer.store_all,
        ring=lambda kind, shop_id: rung.append((kind, shop_id)),
    )
    return Teller(app.test_client(), key_of(shop), rung)
