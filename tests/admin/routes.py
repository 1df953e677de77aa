"""The routes of the admin as the application has them, with the addresses and forms that reach a desk's objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import url_for
from sqlalchemy import text
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from connector.admin.access import NOBODY, ROUTES
from connector.db.schema import metadata
from tests.admin.office import Browser, Desk, Office

# Endpoint -> the form that it takes, from the shop's objects.
FORMS: Mapping[str, Any] = {
    "admin.merge": lambda desk: {"conflict": desk.conflict},
    "admin.keep_apart": lambda desk: {"conflict": desk.conflict},
    "admin.suppress_person": lambda desk: {"channel": "email", "why": "ours"},
    "admin.lift_suppression": lambda desk: {"channel": "email"},
    "admin.erase_person": lambda desk: {"typed": f"erase {desk.person}"},
    "admin.preview_sync": lambda desk: {"entity": "contact", "person": desk.person},
    "admin.find_gaps": lambda desk: {},
    "admin.standing": lambda desk: {"kind": "records"},
    "admin.retry_standing": lambda desk: {"kind": "records"},
    "admin.retry_backfill": lambda desk: {"kind": "orders"},
    "admin.start_sync": lambda desk: {"entity": "contact", "person": desk.person},
    "admin.preview_arming": lambda desk: {"signal": "lapsed", "daily": 5},
    "admin.start_arming": lambda desk: {"signal": "lapsed", "daily": 5},
    "admin.replay_deliveries": lambda desk: {"state": "quarantined"},
    "admin.check_mapping": lambda desk: {"document": "attributes: {CITY: null}", "seen": "x"},
    "admin.preview_mapping": lambda desk: {"document": "attributes: {CITY: null}", "seen": "x", "who": "bell"},
    "admin.set_mapping": lambda desk: {"document": "attributes: {CITY: null}", "seen": "x"},
    "admin.change_attribute": lambda desk: {"name": "CITY", "seen": "x"},
    "admin.close_task": lambda desk: {"outcome": "done"},
    "admin.save_setting": lambda desk: {"seen": "x", "marketing_cap.count": "2"},
    "admin.save_owner_setting": lambda desk: {"seen": "x", "notify": "sales@shop.example"},
    "admin.set_sender": lambda desk: {"seen": "x", "email": "tea@shop.example"},
    "admin.import_loyalty": lambda desk: {},
    "admin.set_rate": lambda desk: {"currency": "USD", "counted_in": "CHF", "rate": "0.9"},
    "admin.import_rates": lambda desk: {"counted_in": "CHF", "text": "date,currency,rate"},
    "admin.remove_rate": lambda desk: {"currency": "USD", "counted_in": "CHF", "rate": "0.9"},
    "admin.make_coupon_pool": lambda desk: {"name": "summer", "percent": 20},
    "admin.resize_coupon_pool": lambda desk: {"name": "summer", "size": 5, "seen": "x"},
    "admin.add_webhook": lambda desk: {"url": "https://erp.example/hooks", "events": ["order_placed"]},
    "admin.name_webhook": lambda desk: {"name": "crm", "seen": "x"},
    "admin.create_key": lambda desk: {"name": "Help desk"},
    "admin.invite": lambda desk: {"email": "new@office.example", "role": "support"},
    "admin.change_staff": lambda desk: {"role": "editor", "seen": "x"},
    "admin.assign_task": lambda desk: {"seen": "x"},
    "admin.tick_checklist": lambda desk: {"item": "shopify.welcome", "done": True},
    "admin.connect_brevo": lambda desk: {"key": "xkeysib-1234567890"},
    "admin.begin_draft": lambda desk: {"source": "template win-back"},
    "admin.upload_draft": lambda desk: {"text": "flow: fresh"},
    "admin.save_draft": lambda desk: {"file": "flow.yaml", "text": "flow: fresh", "seen": "x"},
    "admin.add_draft_file": lambda desk: {"message": "another", "seen": "x"},
    "admin.remove_draft_file": lambda desk: {"file": "messages/hello.liquid", "seen": "x"},
    "admin.drop_draft": lambda desk: {"seen": "x"},
    "admin.test_draft": lambda desk: {"message": "hello", "to": "staff@office.example"},
    "admin.try_draft": lambda desk: {"person": desk.person},
    "admin.publish_draft": lambda desk: {"seen": "x"},
    "admin.roll_back": lambda desk: {"seen": "x"},
    "admin.finish_brevo": lambda desk: {"code": "a-code", "state": "a-state"},
    "admin.begin_starters": lambda desk: {},
    "admin.test_message": lambda desk: {"message": "welcome/hello", "to": "me@example.com"},
    "admin.activate_starter": lambda desk: {"flow": "welcome"},
}
OBJECTS = (
    "person_id", "delivery_id", "run_id", "arming_id", "endpoint_id", "alert_id", "flow", "message_id",
    "task_id", "key_id", "staff_id",
)  # fmt: skip


def rules(office: Office) -> Iterator[tuple[Rule, str]]:
    """Every route of the admin with each of its methods."""
    for rule in office.app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] == "admin" and rule.endpoint != "admin.static":
            for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
                yield rule, method


def address(office: Office, rule: Rule, shop: Desk, objects: Desk) -> str:
    """The route's address in one shop with the objects of one."""
    known = arguments(rule.endpoint, shop, objects)
    assert rule.arguments <= set(known), f"{rule}: say which object {rule.arguments - set(known)} is"
    with office.app.test_request_context():
        return url_for(rule.endpoint, **{name: known[name] for name in rule.arguments})


def arguments(endpoint: str, shop: Desk, objects: Desk) -> dict[str, Any]:
    """What may stand in an address, of one shop with the objects of one."""
    run = objects.open_run if endpoint == "admin.stop_sync" else objects.run
    return {
        "shop_id": shop.shop.id, "person_id": objects.person, "delivery_id": objects.delivery, "run_id": run,
        "channel": objects.channel, "arming_id": objects.arming, "endpoint_id": objects.endpoint,
        "alert_id": objects.alert, "flow": objects.flow, "message": "hello", "message_id": objects.message,
        "version": 1, "staff_id": 2**40 if endpoint == "admin.reset_second_factor" else objects.colleague,
        "task_id": objects.task, "key_id": objects.key, "token": "no-such-token",
        "section": "notify" if endpoint == "admin.save_owner_setting" else "limits",
    }  # fmt: skip


def shown(office: Office, desk: Desk, browser: Browser) -> Iterator[tuple[str, TestResponse]]:
    """Every route that shows something, asked for one shop and its objects: what this visitor may see."""
    for rule, method in rules(office):
        if method == "GET" and ROUTES[rule.endpoint] != NOBODY:
            path = address(office, rule, desk, desk)
            answer = browser.get(path)
            assert answer.status_code < 500, (path, answer.status_code)
            if answer.status_code == 200:
                yield path, answer


def ask(browser: Browser, method: str, path: str, fields: Mapping[str, Any]) -> int:
    answer = browser.get(path) if method == "GET" else browser.post(path, **fields)
    return answer.status_code


def state(office: Office) -> dict[str, str]:
    """A digest of every table."""
    query = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} AS t"
    with office.transaction() as connection:
        return {name: str(connection.scalar(text(query.format(name)))) for name in metadata.tables}
