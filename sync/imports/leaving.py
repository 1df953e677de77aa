"""Whom an import has brought to Brevo and who opted out leaves the lists there, many with one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import RowMapping

from connector.brevo.client import BrevoAccount
from connector.brevo.list_calls import MOST_MEMBERS
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.errors import Refused
from connector.shops import Shop
from sync import lists
from sync.copies import contact, upsert
from sync.copies.contact import LANE
from sync.copies.resource import Claim
from sync.mapping.contact import BLACKLISTING

# A call waits so long for its turn, in machine seconds.
_PATIENCE = 10.0


def leave_lists(deps: Deps, shop: Shop, account: BrevoAccount, people: Sequence[int]) -> None:
    """Take these people off the lists for which they opted out, and keep that they are off. Raises ProviderError."""
    machine = deps.clock.machine()
    claims = [Claim("contact", one, 0, 0, 0, machine, True) for one in people]
    with autocommitted(deps.engine) as connection:
        found = contact.read(connection, shop, claims)
    contacts: Mapping[int, upsert.Contact] = {
        one: snapshot.body for one, snapshot in found.items() if isinstance(snapshot.body, upsert.Contact)
    }
    left = {one: each.leaving for one, each in contacts.items() if each.leaving and each.person["email"]}
    if not left:
        return
    off: dict[int, list[str]] = {}
    every = _every_list(account) if any("email" in each for each in left.values()) else []
    for one in left:
        email = contacts[one].person["email"]
        for list_id in every if _from_all(contacts[one]) else _own(contacts[one]):
            off.setdefault(list_id, []).append(email)
    for list_id, emails in off.items():
        for start in range(0, len(emails), MOST_MEMBERS):
            _remove(account, list_id, emails[start : start + MOST_MEMBERS])
    with autocommitted(deps.engine) as connection:
        contact.keep_left(connection, shop, left)


def _from_all(one: upsert.Contact) -> bool:
    return "email" in one.leaving and one.state("email") in BLACKLISTING


def _own(one: upsert.Contact) -> list[int]:
    return [one.lists[channel] for channel in one.leaving if channel in one.lists]


def _every_list(account: BrevoAccount) -> list[int]:
    """The lists of the account that anybody is on."""
    account.await_turn(upsert.BUCKET, _PATIENCE, lane=LANE)
    return [int(one["id"]) for one in account.lists() if "id" in one and one.get("uniqueSubscribers") != 0]


def _remove(account: BrevoAccount, list_id: int, emails: Sequence[str]) -> None:
    account.await_turn(upsert.BUCKET, _PATIENCE, lane=LANE)
    try:
        account.remove_from_list(list_id, emails)
    except Refused:
        # None of them was on it.
        return


def empty_list_of_imports(shop: Shop, account: BrevoAccount, held: RowMapping) -> None:
    """Who is on no list was brought to the list of imports, and does not stay on it. Raises ProviderError."""
    list_id = shop.settings["lists"].get(lists.IMPORTS)
    if held["list_ids"] or list_id is None:
        return
    account.await_turn(upsert.BUCKET, _PATIENCE, lane=LANE)
    try:
        account.empty_list(list_id)
    except Refused:
        # Nobody is on it.
        return
