"""Choosing which lists at Brevo are a shop's, and what the names of its attributes begin with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from connector import audit, counts, shops
from connector.brevo.client import BrevoAccount
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.shops import Shop
from sync import attributes, lists, profile_pass
from sync.mapping import contact as mapping


def choose(
    deps: Deps,
    shop: Shop,
    settings: Mapping[str, Any],
    *,
    by: str,
    held: Callable[[Connection], object] | None = None,
) -> list[str]:
    """Take these of the settings ``lists``, ``contact_list``, ``attribute_prefix`` and ``brevo_key_names``. Where
    people come to be on another list or have attributes of another name, everybody is told again. Returns sentences
    for whoever chose.

    Raises ValidationError, InvalidInput for a list that Brevo does not have, and the ProviderError of Brevo; all of
    them change nothing. ``held`` is called in the transaction that writes, before it does.
    """
    changed = replace(shop, raw_settings={**shop.raw_settings, **settings})
    differ = sorted(name for name in settings if shop.settings[name] != changed.settings[name])
    other_lists = lists.by_channel(changed) != lists.by_channel(shop)
    other_names = changed.attribute_prefix != shop.attribute_prefix
    notes = _at_brevo(deps.brevo(shop), shop, changed, other_names) if shop.active and shop.has_brevo else []
    with deps.open(changed) as scope:
        if held is not None:
            held(scope.connection)
        shops.change_settings(scope.connection, shop.id, settings)
        audit.note(
            scope,
            actor=by,
            act="settings.change",
            object_kind="settings",
            object_id="account",
            detail={"changed": differ},
        )
        again = profile_pass.count(scope.connection, changed) if other_lists or other_names else 0
        if again:
            profile_pass.ask(scope)
    if not again:
        return notes
    said = f"{counts.said(again).capitalize()} contacts are told again, which starts no automation."
    if other_lists:
        said += " Who agreed is put on the new lists; on the old ones they stay until you delete those at Brevo."
    if other_names:
        said += " Attributes of the old names stay at Brevo until you delete them there."
    return [*notes, said]


def _at_brevo(account: BrevoAccount, shop: Shop, changed: Shop, other_names: bool) -> list[str]:
    """What is new is looked for, and attributes are made."""
    if new := _named(changed) - _named(shop):
        there = lists.known(account)
        if missing := sorted(new - set(there)):
            raise InvalidInput(f"Brevo has no list {missing[0]}: look for its number at Brevo, under Contacts, Lists.")
    if not other_names:
        return []
    done = attributes.ensure(account, mapping.of_shop(changed))
    made = [f"Created at Brevo: {', '.join(done.created)}."] if done.created else []
    return [*made, *(f"Brevo: {problem}." for problem in done.problems)]


def _named(shop: Shop) -> set[int]:
    named = set(shop.settings["lists"].values())
    return named if shop.settings["contact_list"] is None else named | {shop.settings["contact_list"]}
