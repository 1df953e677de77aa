"""What was done at a shop, by whom: with filters, and as a table for other programs."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

import orjson
from flask import Blueprint, Response, render_template

from connector import audit
from connector.admin import accounts, act_words, forms
from connector.admin.acts import audit as acts
from connector.admin.frame import asking, shop
from connector.admin.shown import Eyes
from connector.audit import Line, Wanted
from connector.db.session import transaction
from connector.deps import Deps

MOST_EXPORTED = 50_000
"""Lines of one file, the newest."""
_CHUNK = 1000
_COLUMNS = ("time", "who", "email", "act", "object", "number", "detail")
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/audit", endpoint="audit")
    def log(shop_id: int) -> str:
        given = forms.asked(acts.Query())
        with transaction(deps.engine) as connection:
            found = acts.page(connection, shop_id, given)
            actors = accounts.names(connection)
            known = {name: audit.known(connection, shop_id, name) for name in ("actor", "act", "object_kind")}
        acts_done = {one: act_words.did(one) for one in known["act"]}
        kinds = {one: act_words.kind(one) for one in known["object_kind"]}
        filters = {name: value for name, value in given.items() if name != "after" and value}
        return render_template(
            "admin/audit.html", found=found, actors=actors, known=known, acts=acts_done, kinds=kinds, filters=filters,
            after=given["after"],
        )  # fmt: skip

    @routes.get("/shops/<int:shop_id>/audit.csv")
    def audit_csv(shop_id: int) -> Response:
        wanted = acts.wanted(forms.asked(acts.FilterSchema()))
        with transaction(deps.engine) as connection:
            actors = accounts.names(connection)
        written = _written(deps, shop_id, wanted, actors, asking().eyes)
        answer = Response(written, mimetype="text/csv")
        answer.headers["Content-Disposition"] = f'attachment; filename="audit-{shop().domain}.csv"'
        return answer


def _written(deps: Deps, shop_id: int, wanted: Wanted, actors: dict[str, str], eyes: Eyes) -> Iterator[str]:
    """The lines as a table, some at a time, so that no transaction is open while somebody's connection is slow."""
    yield _rows([_COLUMNS])
    before, left = None, MOST_EXPORTED
    while left > 0:
        with transaction(deps.engine) as connection:
            lines = audit.search(connection, shop_id, wanted, before=before, limit=min(_CHUNK, left))
        if lines:
            yield _rows([_cells(one, actors, eyes) for one in lines])
            before = lines[-1].id
        left = left - len(lines) if len(lines) == _CHUNK else 0


def _cells(line: Line, actors: dict[str, str], eyes: Eyes) -> tuple[str, ...]:
    detail = eyes.text(orjson.dumps(line.detail).decode()) if line.detail else ""
    who = actors.get(line.actor, "")
    return line.at.isoformat(), line.actor, who, line.act, line.object_kind, line.object_id, detail


def _rows(rows: list[tuple[str, ...]]) -> str:
    out = StringIO()
    csv.writer(out).writerows([[_harmless(cell) for cell in row] for row in rows])
    return out.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
