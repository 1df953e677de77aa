"""The API of the admin: everything staff do, for programs with a key, with the same roles, shops, checks and words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from marshmallow import Schema, fields, validate

import connector.admin.acts
from connector.admin import access, revision
from connector.admin.access import ROLES, ROUTES
from connector.admin.acts import registry
from connector.admin.acts.act import Act, View
from connector.admin.api import describing, reference
from connector.admin.api.describing import BASE, document
from connector.admin.api.serving import LARGEST_BODY
from connector.api import keys
from connector.app import create_app
from connector.errors import ConnectorError, InvalidInput
from tests.admin.office import Office
from tests.admin.programs import Program, everything, form_of, path_of, program
from tests.admin.routes import FORMS, OBJECTS, state
from tests.architecture.project import PROJECT


def problem(answer: Any, status: int) -> Any:
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), answer.text
    assert answer.json["status"] == status and answer.json["title"] and answer.json["type"].startswith("urn:")
    return answer.json


def test_every_area_is_registered_and_every_act_says_who_may() -> None:
    folder = Path(connector.admin.acts.__file__).parent
    areas = {file.stem for file in folder.glob("*.py")} - {"__init__", "act", "registry"}
    assert {area.__name__.rpartition(".")[2] for area in registry.AREAS} == areas
    known = [*registry.acts(), *registry.views()]
    assert {f"admin.{one.name}" for one in known} <= set(ROUTES)
    assert len({one.name for one in known}) == len(known)
    alike = [(isinstance(one, Act), re.sub(r"<[^>]*>", "<>", one.path)) for one in known]
    assert len(set(alike)) == len(alike)
    for one in known:
        schema = one.fields if isinstance(one, Act) else one.query
        assert schema is None or isinstance(schema, Schema), f"{one.name}: an instance, not a class"
        assert one.about and not one.path.startswith("/"), one.name


def refused_asks(office: Office, role: str, asking: Program) -> Iterator[tuple[str, int, int]]:
    """(name, what was answered, what must be): too small a role, and another shop's objects."""
    mine, theirs = office.desks
    for one in everything():
        least = ROUTES[f"admin.{one.name}"]
        enough = ROLES.index(role) >= ROLES.index(least)
        if not enough:
            yield one.name, asking.ask(one, path_of(one, mine, mine), mine).status_code, 403
        elif set(OBJECTS) & set(describing.arguments(one.path)):
            yield one.name, asking.ask(one, path_of(one, mine, theirs), theirs).status_code, 404


@pytest.mark.parametrize("role", ROLES)
def test_what_takes_more_or_is_another_shops_is_refused_and_nothing_changes(office: Office, role: str) -> None:
    asking = program(office, office.desks[0], role)
    before = state(office)
    asked = list(refused_asks(office, role, asking))
    assert [one for one in asked if one[1] != one[2]] == []
    changed = {name for name, digest in state(office).items() if digest != before[name]}
    # When the key was last used.
    assert changed <= {"api_keys"} and len(asked) > 5


def test_an_owners_key_reads_every_view_and_its_acts_leave_their_line(office: Office) -> None:
    """The control of the refusals: with the role and the shop's own objects the same asks go through."""
    (mine, _) = office.desks
    asking = program(office, mine, "owner")
    mine.backfill("done")
    for one in everything():
        if isinstance(one, View):
            answer = asking.ask(one, path_of(one, mine, mine), mine)
            # No platform is there to be asked.
            assert answer.status_code in (200, 502), (one.name, answer.text)
            if answer.status_code == 200 and not form_of(one, mine):
                again = asking.get(path_of(one, mine, mine), If_None_Match=answer.headers["ETag"])
                assert again.status_code == 304, one.name
    flow = f"flows/{mine.flow}"
    assert asking.post(f"{flow}/pause").json == {"flow": mine.flow, "status": "paused"}
    line = office.lines(mine.shop.id)[0]
    assert line.actor.startswith("api-key:") and line.object_id == mine.flow


def test_a_key_is_of_one_kind_and_one_shop_and_can_be_revoked(office: Office) -> None:
    mine, theirs = office.desks
    asking, teller = program(office, mine, "owner"), program(office, mine, None)
    assert "connector api-key create --role" in problem(teller.get("flows"), 401)["detail"]
    assert asking.client.post("/api/events", json={}, headers=asking._with({})).status_code in (401, 404)
    for wrong in ("", "ak_1_", asking.key[:-1], asking.key.replace("ak_", "sk_"),
                  asking.key.replace(f"ak_{mine.shop.id}_", f"ak_{theirs.shop.id}_")):  # fmt: skip
        answer = Program(asking.client, wrong).get("flows")
        assert problem(answer, 401) and answer.headers["WWW-Authenticate"] == "Bearer"
    # A browser that is signed in is none.
    assert office.browser(office.hire("owner")).get(f"{BASE}/flows").status_code == 401
    assert asking.get("flows").status_code == 200
    with office.transaction() as connection:
        (key,) = [key for key in keys.listed(connection, mine.shop.id) if key.role == "owner"]
        keys.revoke(connection, mine.shop.id, key.id, actor="cli", now=office.installation.now)
    problem(asking.get("flows"), 401)


def test_a_key_makes_no_keys_and_no_staff() -> None:
    assert {f"admin.{one.name}" for one in everything()} & access.IN_PERSON == set()
    made = [name for name in ROUTES if re.search(r"key$|keys$|staff$|invit|password", name)]
    opened = {"admin.staff", "admin.keys", "admin.invitation", "admin.accept_invitation"}
    assert set(made) - opened <= access.IN_PERSON


class _Naming(Schema):
    name = fields.String(required=True, validate=validate.Length(max=5))
    number = fields.Integer(load_default=None)
    seen = fields.String(load_default=None)


class _Following(Schema):
    after = fields.String(load_default=None)
    size = fields.Integer(load_default=10, validate=validate.Range(min=1, max=50))


_NOW = {"name": "tea"}


def _told(given: Mapping[str, Any]) -> None:
    match given["name"]:
        case "gone":
            raise LookupError("There is no such thing.")
        case "bug":
            raise KeyError("bug")
        case "away":
            raise ConnectorError("ann@example.com is not known there")
        case "no":
            raise InvalidInput("Ask ann@example.com first.")
        case "old":
            revision.check(_NOW, given["seen"])


ACT = Act("set_mapping", "things", "Does it.", lambda d, s, v, given: _told(given) or dict(given), _Naming())
BARE = Act("resume_channel", "things/<int:number>/go", "Goes on.", lambda d, s, v, given: dict(given))
VIEW = View("mapping", "things", "Lists.", lambda d, s, v, given: {"rows": [dict(given)], "next": None}, _Following())
DOCUMENT = View("gaps", "document", "Reads.", lambda d, s, v, given: {**_NOW, "seen": revision.of(_NOW)})


@pytest.fixture
def asking(office: Office, monkeypatch: pytest.MonkeyPatch) -> Program:
    area = ModuleType("things")
    area.ACTS, area.VIEWS = (ACT, BARE), (VIEW, DOCUMENT)  # type: ignore[attr-defined]
    monkeypatch.setattr(registry, "AREAS", (area,))
    return program(office, office.desks[0], "editor")


def test_what_is_wrong_is_said_with_its_place(asking: Program) -> None:
    assert asking.post("things", {"name": "tea"}).json == {"name": "tea", "number": None, "seen": None}
    for body, places in (
        ({}, {"/name"}),
        ({"name": "coffee", "more": 1}, {"/name", "/more"}),
        ({"name": 7, "number": "x"}, {"/name", "/number"}),
    ):
        said = problem(asking.post("things", body), 422)
        assert {one["pointer"] for one in said["errors"]} == places, said
    assert "too large" in problem(asking.post("things", {"name": "tea", "number": 2**63}), 422)["title"]
    for raw, status in ((b"{", 400), (b"[]", 400), (b'{"name": "\\u0000"}', 400), (b"{}" + b" " * LARGEST_BODY, 413)):
        problem(asking.post("things", raw), status)
    problem(asking.post("things", b"name=tea", Content_Type="application/x-www-form-urlencoded"), 415)
    problem(asking.get("things?size=0"), 422)
    problem(asking.get("things?sizes=1"), 422)
    problem(asking.get("things?after=%00"), 400)
    assert asking.get("things?size=7").json["rows"] == [{"after": None, "size": 7}]
    # Without fields there is nothing to send; what is sent all the same is not taken.
    assert asking.client.post(f"{BASE}/things/5/go", headers=asking._with({})).json == {"number": 5}
    problem(asking.post("things/5/go", {"force": True}), 422)
    for path in (f"things/{2**63}/go", "nothing", ""):
        problem(asking.post(path), 404)
    refused = asking.client.delete(f"{BASE}/things", headers=asking._with({}))
    assert problem(refused, 405) and refused.headers["Allow"] == "GET, POST"


def test_refusals_of_the_product_are_problems_and_faults_are_not_hidden(asking: Program) -> None:
    problem(asking.post("things", {"name": "gone"}), 404)
    assert problem(asking.post("things", {"name": "no"}), 422)["detail"] == "Ask ann@example.com first."
    assert "a•••@" in problem(asking.post("things", {"name": "away"}), 502)["detail"]
    problem(asking.post("things", {"name": "bug"}), 500)


def test_whoever_changes_what_has_changed_is_told(asking: Program) -> None:
    tag = asking.get("document").headers["ETag"]
    assert tag.startswith(f'"{revision.of(_NOW)}-')
    for written in (tag, f"W/{tag}"):
        assert asking.post("things", {"name": "old"}, If_Match=written).status_code == 200
    for headers in ({}, {"If_Match": '"another"'}):
        assert "changed" in problem(asking.post("things", {"name": "old"}, **headers), 409)["detail"]


def test_a_key_asks_so_often_in_a_minute(office: Office) -> None:
    deps = office.installation.deps
    settings = replace(deps.settings, admin_api_per_minute=10)
    narrow = create_app(settings, deps.engine, deps.redis, deps=replace(deps, settings=settings)).test_client()
    first, second = (replace(program(office, office.desks[0], "owner"), client=narrow) for _ in range(2))
    assert [first.get("flows").status_code for _ in range(12)] == [200] * 10 + [429] * 2
    assert int(first.get("flows").headers["Retry-After"]) >= 1
    assert second.get("flows").status_code == 200


def test_the_description_names_everything_and_says_what_is_asked_for(office: Office) -> None:
    served = program(office, office.desks[0], "read-only").get("openapi.json")
    said = served.json
    assert served.status_code == 200 and said["openapi"] == "3.1.0"
    assert said == document(office.installation.deps.settings.public_url, registry.acts(), registry.views())
    calls = {call["operationId"]: call for path in said["paths"].values() for call in path.values()}
    assert set(calls) == {one.name for one in everything()}
    for call in calls.values():
        for shape in (*(one["schema"] for one in call["parameters"]), *_bodies(call)):
            Draft202012Validator.check_schema(shape)
    for one in everything():
        form = form_of(one, office.desks[0])
        # Some pages ask for the same in fields of their own.
        if isinstance(one, Act) and form and form == FORMS[f"admin.{one.name}"](office.desks[0]):
            (shape,) = _bodies(calls[one.name])
            assert Draft202012Validator(shape).is_valid(form), (one.name, form)


def _bodies(call: Mapping[str, Any]) -> list[Any]:
    return [content["schema"] for content in call.get("requestBody", {}).get("content", {}).values()]


def test_the_page_names_every_address_role_and_refusal() -> None:
    page = (PROJECT / "docs" / "admin-api.md").read_text()
    assert reference.refreshed(page) == page, "python -m connector.admin.api.reference writes the table"
    for status in {*describing._REFUSALS, *describing._REFUSED_ACTS}:
        assert f"| {status} |" in page, status
    for role in ROLES:
        assert role in page
