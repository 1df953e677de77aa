"""Choosing where a shop's loyalty data come from."""

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
from sync import attributes, profile_pass, reruns
from sync.loyalty import port
from sync.mapping import contact as mapping

# The store has no customer from before.
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


def choose(
    deps: Deps,
    shop: Shop,
    settings: Mapping[str, Any] | None,
    *,
    by: str,
    held: Callable[[Connection], object] | None = None,
) -> list[str]:
    """Take this ``loyalty`` setting (None: keep no loyalty data), create what is missing at Brevo, and have customers
    read from a store that is the source, which starts nothing. Returns sentences for whoever chose.

    Raises ValidationError for a wrong setting, and the ProviderError of Brevo, in which case nothing is changed.
    ``held`` is called in the transaction that writes, before it does.
    """
    shops.ShopSettingsSchema().load({**shop.raw_settings, "loyalty": settings})
    changed = replace(shop, raw_settings={**shop.raw_settings, "loyalty": settings})
    notes: list[str] = []
    if settings is not None and shop.active and shop.has_brevo:
        done = attributes.ensure(deps.brevo(shop), mapping.of_shop(changed))
        notes += [f"Created at Brevo: {', '.join(done.created)}."] if done.created else []
        notes += [f"Brevo: {problem}." for problem in done.problems]
    source = port.chosen(changed)
    with deps.open(changed) as scope:
        if held is not None:
            held(scope.connection)
        shops.change_settings(scope.connection, shop.id, {"loyalty": settings})
        audit.record(
            scope.connection,
            shop_id=shop.id,
            actor=by,
            act="loyalty.choose",
            object_kind="loyalty",
            object_id=source.name if source else "none",
            now=scope.now,
        )
        if source is not None:
            profile_pass.ask(scope)
    if source is None or source.name not in (port.METAFIELDS, port.TAGS):
        return notes
    try:
        with deps.open(changed) as scope:
            run_id = reruns.start(scope, reruns.What("contact", since=_EVER), by=by)
    except InvalidInput as error:
        return [*notes, f"Where customers stand could not be read from the store: {error}"]
    return [*notes, f"Where customers stand is read from the store: run {run_id}."]
