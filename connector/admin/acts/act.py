"""Acts and views: what staff do to a shop and what they read of it, by a page of the admin and by its API alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields, validate

from connector.admin.access import Visitor
from connector.deps import Deps
from connector.paging import LONGEST
from connector.shops import Shop

Given = Mapping[str, Any]
"""The arguments of the address and the checked fields of the form or body, in one."""


def is_missing(error: LookupError) -> bool:
    """Whether this says that an object is not there. A key that a dictionary does not have is a fault of ours."""
    return not isinstance(error, KeyError | IndexError)


class Nothing(Schema):
    """A button: no fields."""


class Paged(Schema):
    """A list. ``after``: the cursor of the page that is asked for; None: the first."""

    after = fields.String(load_default=None, validate=validate.Length(max=LONGEST))


@dataclass(frozen=True)
class Act:
    """Something that staff do to a shop.

    ``name``: the endpoint of its page without ``admin.``, by which ``access.ROUTES`` says who may. ``path``: below the
    shop, as Flask writes it, such as ``flows/<flow>/pause``. ``do``: returns what became of it as plain JSON values; it
    writes the line of the audit log and raises InvalidInput for what cannot be done and LookupError for what is not
    there.
    """

    name: str
    path: str
    about: str
    do: Callable[[Deps, Shop, Visitor, Given], Mapping[str, Any]]
    fields: Schema | None = None


@dataclass(frozen=True)
class View:
    """Something that staff read of a shop, as plain JSON values; masked for whom may not see it whole.

    ``query``: what the address may ask for; a list takes ``after`` and answers ``{"rows": [...], "next": cursor}``.
    ``by_body``: that is too long for an address, so it is posted as a body; it changes nothing all the same, and leaves
    no line in the audit log. Raises LookupError for what is not there.
    """

    name: str
    path: str
    about: str
    read: Callable[[Deps, Shop, Visitor, Given], Mapping[str, Any]]
    query: Schema | None = None
    by_body: bool = False
