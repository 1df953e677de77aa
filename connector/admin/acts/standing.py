"""What stands still until somebody looks, one by one, and having it tried again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from connector.admin import given_up
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, Paged, View
from connector.admin.given_up import Trouble
from connector.admin.shown import Eyes
from connector.db.session import transaction
from connector.deps import Deps
from connector.paging import Page
from connector.shops import Shop

_AGAIN = [name for name, one in given_up.KINDS.items() if one.again != "false"]


class Choosing(Paged):
    """``kind``: of which way in which work stops."""

    kind = fields.String(required=True, validate=validate.OneOf(list(given_up.KINDS)))


class Showing(Paged):
    """The same for the page, which without a kind shows the newest of each."""

    kind = fields.String(load_default=None, validate=validate.OneOf(list(given_up.KINDS)))


class Again(Schema):
    """``what``: one of them, as the list names it; without it the newest thousand."""

    kind = fields.String(required=True, validate=validate.OneOf(_AGAIN))
    what = fields.String(
        load_default=None, validate=validate.Regexp(r"[A-Za-z_]{1,40} [0-9]{1,18}\Z", error="A kind and its number.")
    )


def listed(deps: Deps, shop: Shop, given: Given) -> Page[Trouble]:
    """A page of one kind."""
    with transaction(deps.engine) as connection:
        return given_up.listed(connection, shop.id, given_up.KINDS[given["kind"]], deps.clock.now(), given["after"])


def _list(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    found, eyes = listed(deps, shop, given), Eyes(visitor.sees_addresses)
    rows = [
        {
            "what": one.what,
            "answer": eyes.text(one.answer) or None,
            "person": one.person_id,
            "message": one.message_id,
            "again": one.again,
        }
        for one in found.rows
    ]
    return {"rows": rows, "next": found.next}


def _again(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with deps.open(shop, quiet=True) as scope:
        return {"tried": given_up.again(scope, given["kind"], given["what"], by=visitor.actor)}


AGAIN = Act(
    "retry_standing",
    "standing/again",
    "Have what was given up tried again: records be told to Brevo, or objects be read from the store. No message goes"
    " out because of it.",
    _again,
    Again(),
)
ACTS = (AGAIN,)
VIEWS = (View("standing", "standing", "Work of one kind that was given up, with why.", _list, Choosing()),)
