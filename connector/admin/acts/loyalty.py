"""Where people stand in a loyalty programme that is kept elsewhere: taken from the lines of a file."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from marshmallow import Schema, fields, validate

from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.shops import Shop
from sync.loyalty import importing

LONGEST_FILE, MOST_LINES = 500_000, 2_000
"""Characters and lines of one file: it is taken while its sender waits."""
TOLD = 50
"""Of so many lines that are not taken it is said why."""


class _Import(Schema):
    # Lines of a CSV whose first names the columns: one or more of customer_id, external_id, email, phone; one or more
    # of points, tier, reward, expires_at; and at, when it was so.
    text = fields.String(required=True, validate=validate.Length(1, LONGEST_FILE))
    # Whether what changes starts flows.
    news = fields.Boolean(load_default=False)


IMPORT_FIELDS = _Import()


def _import(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    """``taken`` and ``left``: how many lines; ``lines``: the first that were not taken, by number and why."""
    raw = given["text"].encode()
    if raw.count(b"\n") > MOST_LINES + 1:
        raise InvalidInput(f"At most {MOST_LINES:,} lines are taken at once: bring the rest in a second file.")
    taken = 0
    left: list[dict[str, Any]] = []
    for one in importing.bring(deps, shop, BytesIO(raw), by=visitor.actor, news=given["news"]):
        if isinstance(one, int):
            taken += one
        else:
            left.append({"line": one.line, "why": one.why})
    return {"taken": taken, "left": len(left), "lines": sorted(left, key=lambda one: one["line"])[:TOLD]}


IMPORT = Act(
    "import_loyalty", "loyalty/file", "Take where people stand from the lines of a file.", _import, IMPORT_FIELDS
)
ACTS = (IMPORT,)
