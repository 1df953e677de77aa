"""The simulated provider against the contracts it was written from.

The contracts are not part of the project; CONTRACTS_DIR says where they are (default: `../shared/contracts`).
"""

from __future__ import annotations

import copy
import gzip
import os
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from jsonschema import Draft202012Validator

from sandbox.provider.campaigns import CampaignMail
from sandbox.provider.mailbox import Message
from sandbox.provider.phone.texts import Text
from sandbox.provider.routes import ROUTES
from sandbox.provider.shapes import OneOf
from sandbox.provider.webhooks import payloads
from sandbox.provider.wire import Route
from tests.sandbox.provider_process import (
    ROOT,
    START,
    Account,
    Provider,
    Receiver,
    account,
    provider,
    receiver,
    wait_until,
)

__all__ = ["account", "provider", "receiver"]

CONTRACTS = Path(os.environ.get("CONTRACTS_DIR") or ROOT.parent / "shared" / "contracts") / "brevo"
pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(not CONTRACTS.is_dir(), reason=f"no contracts at {CONTRACTS} (set CONTRACTS_DIR)"),
]
# POST /events/batch judges every event on its own; this is the shape it uses.
SHAPES_ELSEWHERE = {("POST", "/events/batch"): "EVENT_BATCH"}


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return orjson.loads(gzip.decompress((CONTRACTS / "openapi-sdk-5.1.0.json.gz").read_bytes()))


def operation(spec: dict[str, Any], route: Route) -> dict[str, Any] | None:
    """The contract's operation for a route; names of path parameters do not matter."""
    wanted = re.sub(r"<\w+>", "{}", route.path)
    for path, operations in spec["paths"].items():
        if re.sub(r"\{\w+\}", "{}", path) == wanted and route.method.lower() in operations:
            return operations[route.method.lower()]
    return None


def published(method: str, path: str) -> dict[str, Any]:
    """The JSON schema of a body in the provider's own, older file, for the bodies that the newer one leaves open."""
    text = gzip.decompress((CONTRACTS / "openapi.yaml.gz").read_bytes()).decode()
    start = text.index(f'\n  "{path}":\n')
    found = yaml.safe_load(text[start : text.index('\n  "/', start + 1)])
    return found[path][method.lower()]["requestBody"]["content"]["application/json"]["schema"]


def notation(spec: dict[str, Any], schema: dict[str, Any]) -> Any:
    """A JSON schema of the contract in the notation of sandbox/provider/shapes.py."""
    if "$ref" in schema:
        return notation(spec, spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "allOf" in schema:
        return notation(spec, schema["allOf"][0])
    if "anyOf" in schema and "properties" not in schema:
        # Open enumerations are `enum or anything`, optional fields `x or null`, members one of three records.
        options = [option for option in schema["anyOf"] if option not in ({}, {"type": "null"})]
        found = [notation(spec, option) for option in options]
        if len(found) == 1:
            return found[0]
        if not all(isinstance(option, dict) for option in found):
            return OneOf(tuple(found))
        return {name.rstrip("*"): shape for option in found for name, shape in option.items()}
    if "enum" in schema:
        return tuple(sorted(schema["enum"]))
    if schema.get("type") == "array":
        return [notation(spec, schema["items"])]
    if "properties" in schema:
        required = schema.get("required", [])
        return {
            name + ("*" if name in required else ""): notation(spec, value)
            for name, value in schema["properties"].items()
        }
    return "map" if schema.get("type") == "object" else schema["type"]


def sorted_enumerations(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {name: sorted_enumerations(inner) for name, inner in shape.items()}
    if isinstance(shape, list):
        return [sorted_enumerations(inner) for inner in shape]
    return tuple(sorted(shape)) if isinstance(shape, tuple) else shape


def differences(spec: dict[str, Any], route: Route, shape: Any) -> list[str]:
    found = operation(spec, route)
    if found is None:
        return [f"{route.method} {route.path} is not in the contract"]
    body = found.get("requestBody")
    wanted = None
    if body:
        schema = body["content"]["application/json"]["schema"]
        wanted = notation(spec, schema or published(route.method, route.path))
        if not schema:
            # What may be in `params` is the template's business; the file shows an example.
            wanted["params"] = "map"
    if wanted != sorted_enumerations(shape):
        return [f"{route.method} {route.path}: contract {wanted}, here {shape}"]
    return []


def shape_of(route: Route) -> Any:
    from sandbox.provider import shapes

    name = SHAPES_ELSEWHERE.get((route.method, route.path))
    return getattr(shapes, name) if name else route.shape


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_call_and_body_is_the_contracts(spec: dict[str, Any], route: Route) -> None:
    assert differences(spec, route, shape_of(route)) == []


@pytest.mark.parametrize(
    "plant",
    [
        lambda shape: shape.update(invented="string"),
        lambda shape: shape.pop("tags"),
        lambda shape: shape.update(templateId="string"),
        lambda shape: shape["sender"].update(email=["string"]),
        lambda shape: shape["to"][0].update({"name*": shape["to"][0].pop("name")}),
    ],
    ids=["more", "less", "another type", "deeper", "required"],
)
def test_a_planted_difference_is_seen(spec: dict[str, Any], plant: Any) -> None:
    route = next(route for route in ROUTES if route.path == "/smtp/email")
    shape = copy.deepcopy(route.shape)
    assert differences(spec, route, shape) == []
    plant(shape)
    assert len(differences(spec, route, shape)) == 1


def answer_errors(spec: dict[str, Any], method: str, path: str, body: Any) -> list[str]:
    fits = [r for r in ROUTES if r.method == method and re.fullmatch(re.sub(r"<\w+>", "[^/]+", r.path), path)]
    route = min(fits, key=lambda route: route.path.count("<"))
    content = (operation(spec, route) or {})["responses"]["2XX"]["content"]
    schema = {**content["application/json"]["schema"], "components": spec["components"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(body)]


def test_answers_have_the_contracts_shape(spec: dict[str, Any], provider: Provider) -> None:
    account = provider.account(
        ecommerce=True, tier="extended", settings={"import_seconds": 0}, segments=[{"name": "all"}], domains=["a.co"],
        whatsapp_number="33700000000", whatsapp_templates=[{"name": "hello", "body": "Hi"}],
    )  # fmt: skip
    account.post("/contacts/attributes/category/GENDER", {"enumeration": [{"value": 1, "label": "x"}]})
    posts: list[tuple[str, Any]] = [
        ("/contacts", {"email": "ann@example.com", "attributes": {"SMS": "33612345678"}, "listIds": [2]}),
        ("/contacts/folders", {"name": "f"}),
        ("/senders", {"name": "n", "email": "n@a.co"}),
        ("/senders/domains", {"name": "b.co"}),
        ("/smtp/templates", {"templateName": "n", "subject": "s", "sender": {"id": 1}, "htmlContent": "<p>hello</p>"}),
        ("/smtp/template/preview", {"templateId": 1, "params": {}}),
        ("/contacts/lists", {"name": "l", "folderId": 1}),
        ("/contacts/lists/3/contacts/add", {"emails": ["ann@example.com"]}),
        ("/contacts/import", {"jsonBody": [{"email": "nobody"}], "listIds": [2]}),
        ("/events/batch", {"events": [{"event_name": "x", "identifiers": {"email_id": "ann@example.com"}}]}),
        (
            "/smtp/email",
            {
                "sender": {"email": "shop@example.com"},
                "to": [{"email": "ann@example.com"}],
                "subject": "s",
                "textContent": "t",
                "tags": ["a"],
            },
        ),
        ("/transactionalSMS/send", {"sender": "Shop", "recipient": "33612345678", "content": "Hi"}),
        ("/transactionalSMS/sms", {"sender": "Shop", "recipient": "33612345678", "content": "Hi", "tag": ["a"]}),
        ("/whatsapp/sendMessage", {"senderNumber": "33700000000", "contactNumbers": ["336123456"], "templateId": 1}),
        ("/whatsappCampaigns/template", {"name": "n", "language": "en", "bodyText": "b", "category": "UTILITY"}),
        ("/webhooks", {"url": "http://127.0.0.1:9/", "events": ["unsubscribed"]}),
        ("/products", {"id": "1", "name": "Mug"}),
        ("/products/batch", {"products": [{"id": "2", "name": "Tee"}]}),
        ("/categories", {"id": "1"}),
        ("/categories/batch", {"categories": [{"id": "2"}]}),
    ]
    for path, body in posts:
        answer = account.post(path, body)
        assert answer.status_code in (200, 201, 202), (path, answer.text)
        assert answer_errors(spec, "POST", path, answer.json()) == [], path
    provider.control("POST", "act", {"account": account.key, "event": "complaint", "email": "ann@example.com"})
    wait_until(lambda: account.log("import"))
    reads = (
        "/account", "/senders", "/contacts", "/contacts/1", "/contacts/attributes", "/contacts/lists",
        "/contacts/lists/2", "/contacts/lists/2/contacts", "/contacts/folders", "/contacts/folders/1",
        "/contacts/folders/1/lists", "/contacts/segments", "/processes/1", "/processes", "/webhooks",
        "/smtp/blockedContacts",
        "/transactionalSMS/statistics/events", "/whatsapp/statistics/events", "/whatsappCampaigns/config",
        "/whatsappCampaigns/template-list", "/smtp/statistics/events",
        "/smtp/templates", "/smtp/templates/1", "/senders/domains", "/senders/domains/a.co",
    )  # fmt: skip
    for path in reads:
        body = account.get(path)
        assert answer_errors(spec, "GET", path, body) == [], path
    mails = account.get("/smtp/emails", email="ann@example.com")
    assert answer_errors(spec, "GET", "/smtp/emails", mails) == []
    content = account.get(f"/smtp/emails/{mails['transactionalEmails'][0]['uuid']}")
    assert answer_errors(spec, "GET", "/smtp/emails/x", content) == []
    # The control: a contact without its id must be reported.
    broken = {key: value for key, value in account.get("/contacts/1").items() if key != "id"}
    assert answer_errors(spec, "GET", "/contacts/1", broken) == ["'id' is a required property"]


# Sample file -> (event, the message has: tags, custom header, template).
SAMPLES = {
    "tx_request": ("request", True, False, False),
    "tx_request_without_tags": ("request", False, False, False),
    "tx_request_with_template_and_custom_header": ("request", True, True, True),
    "tx_delivered": ("delivered", True, False, False),
    "tx_opened": ("opened", True, False, False),
    "tx_unique_opened": ("unique_opened", True, False, False),
    "tx_click": ("click", True, False, False),
    "tx_unsubscribed": ("unsubscribed", True, False, False),
    "tx_hard_bounce": ("hard_bounce", True, False, False),
    "tx_soft_bounce": ("soft_bounce", True, True, True),
    "tx_complaint": ("complaint", True, True, True),
    "tx_blocked": ("blocked", True, False, False),
    "tx_deferred": ("deferred", True, True, True),
    "tx_invalid_email": ("invalid_email", True, True, True),
    "docs/tx_error": ("error", True, True, True),
    "docs/tx_proxy_open": ("proxy_open", True, True, True),
    "docs/tx_unique_proxy_open": ("unique_proxy_open", True, True, True),
}
# The one abridged capture: its publisher left `reason` out, the full captures of the event have it.
ABRIDGED = {"tx_request_with_template_and_custom_header": {"reason"}}


def sample(name: str) -> dict[str, Any]:
    return orjson.loads((CONTRACTS / "webhooks" / f"{name}.json").read_bytes())


def message(*, tags: bool, custom: bool, template: bool) -> Message:
    return Message(
        message_id="<1@smtp-relay.mailin.fr>",
        uuid="u",
        to="ann@example.com",
        sender="shop@example.com",
        subject="Hello",
        html="",
        text="",
        tags=["a", "b"] if tags else [],
        headers={"X-Mailin-custom": "m"} if custom else {},
        template_id=22 if template else None,
        accepted_at=START,
        due_at=START,
        accepted_wire=0.0,
    )


def kinds(body: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in body.items()}


@pytest.mark.parametrize("name", SAMPLES)
def test_webhook_bodies_are_the_samples_field_for_field(name: str) -> None:
    event, tags, custom, template = SAMPLES[name]
    sent = message(tags=tags, custom=custom, template=template)
    body = payloads.transactional(7, sent, {"event": event, "at": START})
    ours = {field: kind for field, kind in kinds(body).items() if field not in ABRIDGED.get(name, set())}
    assert ours == kinds(sample(name))


# Sample file -> event of a campaign.
CAMPAIGN_SAMPLES = {
    "mk_delivered": "delivered",
    "mk_opened": "opened",
    "mk_click": "click",
    "mk_hard_bounced": "hard_bounced",
    "mk_soft_bounced": "soft_bounced",
    "mk_spam": "spam",
    "mk_unsubscribe": "unsubscribe",
}


@pytest.mark.parametrize("name", CAMPAIGN_SAMPLES)
def test_campaign_bodies_are_the_samples_field_for_field(name: str) -> None:
    mail = CampaignMail(3, "News", "", "ann@example.com", "s", "", [2], START)
    body = payloads.campaign(7, mail, {"event": CAMPAIGN_SAMPLES[name], "at": START})
    found = sample(f"docs/{name}")
    assert kinds(body) == kinds(found) and body["event"] == found["event"]


@pytest.mark.parametrize("status", ["sent", "delivered", "soft_bounce", "hard_bounce"])
def test_sms_bodies_are_the_samples_field_for_field(status: str) -> None:
    text = Text("sms", "123", "33612345678", "Shop", "Hi", "transactional", [], START)
    body = payloads.sms(7, 99.0, text, {"event": status, "at": START})
    assert kinds(body) == kinds(sample(f"constructed/sms_{status}")) and body["msg_status"] == status


def test_contact_bodies_are_the_samples_field_for_field() -> None:
    updated = payloads.contact(7, "contact_updated", "a@b.c", START, "k", content=[{}], api_key_name="n")
    assert kinds(updated) == kinds(sample("constructed/mk_contact_updated_with_api_key_name"))
    added = payloads.contact(7, "list_addition", "a@b.c", START, "k", list_id=[2], api_key_name="n")
    assert kinds(added) == kinds(sample("constructed/mk_list_addition_with_api_key_name"))
    # The control: a body that carries a field too many is told apart.
    assert kinds({**added, "ts_epoch": 1}) != kinds(sample("constructed/mk_list_addition_with_api_key_name"))


def test_what_leaves_on_the_wire_is_the_sample_too(account: Account, receiver: Receiver) -> None:
    account.post("/webhooks", {"url": receiver.url, "events": ["request"]})
    account.send(tags=["a", "b"])
    wait_until(lambda: receiver.got)
    assert kinds(receiver.bodies()[0]) == kinds(sample("tx_request"))
