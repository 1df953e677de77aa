"""An act that asks for ``seen`` can be done by a program: what it asks for is read at an address of the API."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connector.admin.acts.act import Act
from connector.deps import Deps
from connector.errors import InvalidInput
from tests.admin.office import Desk, Office
from tests.admin.programs import Program, everything, path_of, program

# Act -> where its ``seen`` is read, and what else it is asked with. In an order in which none takes another's document.
READ_AT: dict[str, tuple[Any, dict[str, Any]]] = {
    "save_draft": (lambda asking, desk: asking(f"drafts/{desk.flow}"), {"text": "flow: fresh"}),
    "add_draft_file": (lambda asking, desk: asking(f"drafts/{desk.flow}"), {"message": "another"}),
    "remove_draft_file": (lambda asking, desk: asking(f"drafts/{desk.flow}"), {"file": "messages/another.liquid"}),
    "publish_draft": (lambda asking, desk: asking(f"drafts/{desk.flow}/publish"), {}),
    "drop_draft": (lambda asking, desk: asking(f"drafts/{desk.flow}"), {}),
    "roll_back": (lambda asking, desk: asking(f"flows/{desk.flow}/versions/1/roll-back"), {}),
    "save_setting": (lambda asking, desk: asking("settings/limits"), {"settings": {}}),
    "save_owner_setting": (lambda asking, desk: asking("settings/notify"), {"settings": {}}),
    "set_sender": (lambda asking, desk: asking("settings")["sender"], {"email": "tea@shop.example"}),
    "set_mapping": (lambda asking, desk: asking("mapping"), {"document": "attributes: {CITY: null}"}),
    "assign_task": (lambda asking, desk: _row(asking("tasks"), desk.task), {"assignee": None}),
    "name_webhook": (lambda asking, desk: asking(f"webhooks/{desk.endpoint}"), {"name": "crm"}),
    "resize_coupon_pool": (lambda asking, desk: asking("coupon-pools")["rows"][0], {"name": "pool-1", "size": 6}),
}
# Refused for something else than what was seen: a draft with a fault, and an account whose attributes cannot be read.
OTHERWISE = {"publish_draft", "set_mapping"}


def _row(listed: dict[str, Any], number: int) -> Any:
    return next(one for one in listed["rows"] if one["id"] == number)


def unreadable(_: object) -> Any:
    raise InvalidInput("Brevo does not say.")


def asked(office: Office, desk: Desk, owner: Program, act: Act) -> tuple[int, int]:
    """What is answered to a ``seen`` of nothing, and to the one that was read."""

    def asking(path: str) -> Any:
        return owner.get(path).json

    where, form = READ_AT[act.name]
    path = path_of(act, desk, desk)
    stray = owner.post(path, {**form, "seen": "0" * 24}).status_code
    return stray, owner.post(path, {**form, "seen": where(asking, desk)["seen"]}).status_code


def test_what_an_act_asks_for_is_read_somewhere(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk, _), sender = office.desks, {"email": "tea@shop.example", "active": True, "name": "Tea"}
    brevo = SimpleNamespace(senders=lambda: [sender], await_turn=unreadable, attributes=None)
    monkeypatch.setattr(Deps, "brevo", lambda self, shop: brevo)
    every = [one for one in everything() if isinstance(one, Act) and one.fields is not None]
    acts = {one.name: one for one in every if one.fields is not None and "seen" in one.fields.fields}
    assert set(acts) == set(READ_AT)
    owner = program(office, desk, "owner")
    told = {name: asked(office, desk, owner, acts[name]) for name in READ_AT}
    assert {name: one for name, one in told.items() if one != (409, 422 if name in OTHERWISE else 200)} == {}
