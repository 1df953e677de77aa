"""What those may do who open the app inside Shopify's admin, where nobody signs in with us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from connector.admin.access import ABOUT, ROLES
from connector.admin.sections.kinds import TEXT, Column, choice
from connector.admin.sections.rows import Line, rows
from connector.admin.sections.section import Field, Section
from connector.shops import Shop

# Named one by one; of more it is said how many.
_NAMED = 10
_ROLE = choice(*((role, role) for role in ROLES))


def _read(lines: Sequence[Line]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.get("user"):
            raise ValueError(f"Line {number}: Write the user's number.")
        if line["user"] in found:
            raise ValueError(f"Line {number}: User {line['user']} stands there already.")
        found[line["user"]] = line["role"]
    return found


def _lines(people: Mapping[str, str] | None) -> Iterator[Line]:
    for user, role in sorted((people or {}).items(), key=lambda one: (len(one[0]), one[0])):
        yield {"user": user, "role": role}


def _said(connection: Connection, shop: Shop, now: datetime) -> Sequence[str]:
    chosen = shop.settings["shopify_users"]
    said = [f"Whoever opens the app inside Shopify's admin has the role {chosen['role']}. {ABOUT[chosen['role']]}"]
    named = [f"user {line['user']} ({line['role']})" for line in _lines(chosen["people"])]
    if named:
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        said.append(f"With a role of their own: {', '.join(named[:_NAMED])}{more}.")
    return said


VISITORS = Section(
    "visitors",
    "Inside Shopify's admin",
    "What those may do who open the app inside Shopify's admin: Shopify says which user of the store that is, no more."
    " The roles are those of the page Staff.",
    (
        Field("shopify_users.role", "Role of everybody who is not named below", _ROLE),
        Field(
            "shopify_users.people",
            "Users with a role of their own",
            rows((Column("user", "Number of the user", TEXT), Column("role", "Role", _ROLE)), _read, _lines),
            "The number stands beside the shop's name at the top when they open the app there, and in the audit log"
            " behind “merchant:”.",
            empty="nobody",
        ),
    ),
    ("shopify_users",),
    owners=True,
    # Whoever changes it has a way in that it does not close.
    signed_in=True,
    effect=_said,
)
