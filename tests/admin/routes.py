"""The routes of the admin as the application has them, with the addresses and forms that reach a desk's objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import url_for
from sqlalchemy import text
from werkzeug.routing import Rule

from connector.db.schema import metadata
from tests.admin.office import Browser, Desk, Office

# Endpoint -> the form that it takes, from the shop's objects.
FORMS: Mapping[str, Any] = {
    "admin.merge": lambda desk: {"conflict": desk.conflict},
    "admin.keep_apart": lambda desk: {"conflict": desk.conflict},
    "admin.preview_sync": lambda desk: {"entity": "contact", "person": desk.person},
    "admin.find_gaps": lambda desk: {},
    "admin.start_sync": lambda desk: {"entity": "contact", "person": desk.person},
    "admin.preview_arming": lambda desk: {"signal": "lapsed", "daily": 5},
    "admin.start_arming": lambda desk: {"signal": "lapsed", "daily": 5},
    "admin.replay_deliveries": lambda desk: {"state": "quarantined"},
    "admin.check_mapping": lambda desk: {"document": "attributes: {CITY: null}"},
    "admin.preview_mapping": lambda desk: {"document": "attributes: {CITY: null}", "who": "bell"},
    "admin.set_mapping": lambda desk: {"document": "attributes: {CITY: null}"},
    "admin.tick_checklist": lambda desk: {"item": "shopify.welcome", "done": "true"},
    "admin.connect_brevo": lambda desk: {"key": "xkeysib-1234567890"},
    "admin.finish_brevo": lambda desk: {"code": "a-code", "state": "a-state"},
}
OBJECTS = ("person_id", "delivery_id", "run_id", "arming_id", "endpoint_id")


def rules(office: Office) -> Iterator[tuple[Rule, str]]:
    """Every route of the admin with each of its methods."""
    for rule in office.app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] == "admin" and rule.endpoint != "admin.static":
            for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
                yield rule, method


def address(office: Office, rule: Rule, shop: Desk, objects: Desk) -> str:
    """The route's address in one shop with the objects of one."""
    run = objects.open_run if rule.endpoint == "admin.stop_sync" else objects.run
    known: dict[str, Any] = {
        "shop_id": shop.shop.id, "person_id": objects.person, "delivery_id": objects.delivery, "run_id": run,
        "channel": objects.channel, "arming_id": objects.arming, "endpoint_id": objects.endpoint,
    }  # fmt: skip
    assert rule.arguments <= set(known), f"{rule}: say which object {rule.arguments - set(known)} is"
    with office.app.test_request_context():
        return url_for(rule.endpoint, **{name: known[name] for name in rule.arguments})


def ask(browser: Browser, method: str, path: str, fields: Mapping[str, Any]) -> int:
    answer = browser.get(path) if method == "GET" else browser.post(path, **fields)
    return answer.status_code


def state(office: Office) -> dict[str, str]:
    """A digest of every table."""
    query = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} AS t"
    with office.transaction() as connection:
        return {name: str(connection.scalar(text(query.format(name)))) for name in metadata.tables}
