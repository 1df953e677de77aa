"""A desk with all that it looks at beside the persons, for one visit: of a batch in T3, or on trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row

from connector.scope import Scope
from flows.core.model import Event
from flows.core.signals import SignalSettings
from flows.engine import looked_up
from flows.engine.book import Book
from flows.engine.desk import Desk
from flows.engine.writes import Writes


def desk(
    scope: Scope,
    book: Book,
    shop: Mapping[str, Any],
    asked: SignalSettings,
    happened: Iterable[Event],
    fired: Iterable[Row[Any]],
    writes: Writes,
) -> Desk:
    """``shop``: the facts of it; ``asked``: of the signals. ``happened`` and ``fired``: what is to be decided."""
    found = Desk(scope, book, shop, asked, writes)
    found.products = looked_up.products_bought(scope, asked, happened)
    found.clocks = looked_up.of_clocks(scope, fired)
    return found
