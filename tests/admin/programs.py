"""Programs that ask the API of the admin, by a key of one shop, and the addresses of everything that it offers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from connector.admin.acts import registry
from connector.admin.acts.act import Act, View
from connector.admin.api.describing import BASE, filled, method_of, offered
from connector.api import keys
from tests.admin.office import Desk, Office
from tests.admin.routes import FORMS, arguments


@dataclass
class Program:
    client: FlaskClient
    key: str

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(f"{BASE}/{path}", headers=self._with(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        raw = body if isinstance(body, bytes) else orjson.dumps({} if body is None else body)
        given = {"Content-Type": "application/json", **headers}
        return self.client.post(f"{BASE}/{path}", data=raw, headers=self._with(given))

    def ask(self, one: Act | View, path: str, desk: Desk) -> TestResponse:
        """What is offered, with the form that its page has."""
        form = form_of(one, desk)
        return self.post(path, form) if method_of(one) == "POST" else self.get(f"{path}?{urlencode(form)}")

    def _with(self, headers: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return {"Authorization": f"Bearer {self.key}", **named}


def program(office: Office, desk: Desk, role: str | None) -> Program:
    """``role`` None: it has a key of the events API."""
    with office.transaction() as connection:
        made = keys.create(connection, desk.shop.id, f"a {role}", role=role, actor="cli", now=office.installation.now)
    return Program(office.app.test_client(), made[1])


def everything() -> Iterator[Act | View]:
    yield from offered(registry.acts(), registry.views())


def form_of(one: Act | View, desk: Desk) -> dict[str, Any]:
    """What the page's form says, as far as these fields are here too."""
    given = FORMS.get(f"admin.{one.name}", lambda _: {})(desk)
    schema = one.fields if isinstance(one, Act) else one.query
    return {name: value for name, value in given.items() if schema is not None and name in schema.fields}


def path_of(one: Act | View, shop: Desk, objects: Desk) -> str:
    known = arguments(f"admin.{one.name}", shop, objects)
    return filled(one.path, known.__getitem__)
