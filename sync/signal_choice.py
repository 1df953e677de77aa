"""Setting a shop's signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from connector import audit, shops
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.shops import Shop
from sync import birthdays, reruns

# The store has no customer from before.
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


def choose(
    deps: Deps,
    shop: Shop,
    settings: Mapping[str, Any],
    *,
    by: str,
    held: Callable[[Connection], object] | None = None,
) -> list[str]:
    """Take this ``signals`` setting; where it newly names a metafield of birthdays, customers are read from the store,
    which starts nothing. Returns sentences for whoever chose. Raises ValidationError for a wrong setting, which changes
    nothing. ``held`` is called in the transaction that writes, before it does.
    """
    shops.ShopSettingsSchema().load({**shop.raw_settings, "signals": settings})
    changed = replace(shop, raw_settings={**shop.raw_settings, "signals": settings})
    with deps.open(changed) as scope:
        if held is not None:
            held(scope.connection)
        shops.change_settings(scope.connection, shop.id, {"signals": settings})
        audit.record(
            scope.connection,
            shop_id=shop.id,
            actor=by,
            act="signals.choose",
            object_kind="signals",
            object_id=",".join(sorted(settings)) or "none",
            now=scope.now,
        )
    if not set(birthdays.metafield_keys(changed)) - set(birthdays.metafield_keys(shop)):
        return []
    try:
        with deps.open(changed) as scope:
            run_id = reruns.start(scope, reruns.What("contact", since=_EVER), by=by)
    except InvalidInput as error:
        return [f"Birthdays could not be read from the store: {error}"]
    return [f"Birthdays are read from the store: run {run_id}."]
