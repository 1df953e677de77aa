"""Lists at Brevo, one for each purpose: on a list is who agreed to what it is for, and nobody who opted out.

They are made once, in a folder of our own, and found again by their names. The merchant may name lists of their own in
the shop's settings instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from connector import shops
from connector.backoff import in_turn
from connector.brevo.client import BrevoAccount
from connector.db.session import transaction
from connector.deps import Deps
from connector.shops import Shop

FOLDER = "Shopify"
IMPORTS = "imports"
"""The list that an import brings people to who are on no other: Brevo's imports need one. It is emptied afterwards."""
# What follows the domain in a list's name: shops that share an account have lists of their own.
_NAMES: Mapping[str, str] = {
    "newsletter": "newsletter",
    "sms": "SMS",
    "whatsapp": "WhatsApp",
    IMPORTS: "imports (leave empty)",
}
_PURPOSES: Mapping[str, str] = {"email": "newsletter", "sms": "sms", "whatsapp": "whatsapp"}
_BUCKET = "contacts"
# Machine seconds.
_PATIENCE = 10.0

Answer = TypeVar("Answer")


def by_channel(shop: Shop) -> Mapping[str, int]:
    """{channel: the list of those who agreed to its own purpose}, as far as the shop has such lists."""
    made = shop.settings["lists"]
    found = {channel: made[purpose] for channel, purpose in _PURPOSES.items() if purpose in made}
    return found if shop.settings["contact_list"] is None else {**found, "email": shop.settings["contact_list"]}


def ensure(deps: Deps, shop: Shop, account: BrevoAccount) -> tuple[Shop, tuple[str, ...]]:
    """Make the lists that the shop has not got yet and keep their ids in its settings.

    Returns the shop as it is then, and the names of the lists that were made. Raises ProviderError. Two at a time may
    make two lists of one name; the settings hold one of them.
    """
    known = dict(shop.settings["lists"])
    wanted = {one: f"{shop.domain.partition('.')[0]} {name}" for one, name in _NAMES.items() if one not in known}
    if shop.settings["contact_list"] is not None:
        wanted.pop("newsletter", None)
    if not wanted:
        return shop, ()
    folder = _folder(account)
    there = {
        str(one.get("name")): int(one["id"])
        for one in _asked(account, account.lists)
        if one.get("folderId") == folder and "id" in one
    }
    made = []
    for purpose, name in wanted.items():
        if name not in there:
            there[name] = _asked(account, partial(account.create_list, name, folder))
            made.append(name)
        known[purpose] = there[name]
    if shops.empties_another_list(known, shop.settings["contact_list"]):
        # Two lists of one number: rather none for imports than one of the others emptied.
        del known[IMPORTS]
    with transaction(deps.engine) as connection:
        shops.change_settings(connection, shop.id, {"lists": known})
        return shops.load(connection, shop.id), tuple(made)


def known(account: BrevoAccount) -> Mapping[int, str]:
    """{number: name} of every list in the account. Raises ProviderError."""
    return {int(one["id"]): str(one.get("name")) for one in _asked(account, account.lists) if "id" in one}


def find(account: BrevoAccount, name: str, *, make: bool) -> int | None:
    """The list of this name in the account, of several the oldest; made in our folder when there is none and ``make``.
    For a worker: a limit that is used up is not waited for. Raises ProviderError."""
    found = _oldest(account, name)
    if found is not None or not make:
        return found
    folder = next((int(one["id"]) for one in account.folders() if one.get("name") == FOLDER), None)
    made = account.create_list(name, account.create_folder(FOLDER) if folder is None else folder)
    # Two at a time make two, of which both take the same one.
    return _oldest(account, name) or made


def _oldest(account: BrevoAccount, name: str) -> int | None:
    return min((int(one["id"]) for one in account.lists() if one.get("name") == name and "id" in one), default=None)


def _folder(account: BrevoAccount) -> int:
    found = next((one for one in _asked(account, account.folders) if one.get("name") == FOLDER), None)
    return int(found["id"]) if found else _asked(account, partial(account.create_folder, FOLDER))


def _asked(account: BrevoAccount, call: Callable[[], Answer]) -> Answer:
    """A limit that others have used up is waited for, within reason."""

    def ask() -> Answer:
        account.await_turn(_BUCKET)
        return call()

    return in_turn(ask, _PATIENCE)
