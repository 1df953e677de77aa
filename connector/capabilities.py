"""What a shop can do as it is connected and set up, and what to do for what it cannot yet.

It is asked of our own tables and settings alone, so any page may ask: whether a key still works is the doctor's
question (``connector.doctor``). What a flow needs of these is in ``flows.core.requirements``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, exists, func, select

from connector.models.api_key import api_keys
from connector.models.brevo import brevo_grants
from connector.models.shown import reviews
from connector.models.told import subscriptions
from connector.pauses import pauses
from connector.shopify.scopes import NEEDED, missing
from connector.shops import Shop
from connector.signal_settings import chosen


@dataclass(frozen=True)
class Capability:
    """``there``: whether the shop has it; ``says``: how that stands, in a sentence; ``todo``: what to do when it is not
    there, "" when it is. ``endpoint``: the page of the admin where that is done; None: elsewhere."""

    name: str
    label: str
    there: bool
    says: str
    todo: str = ""
    endpoint: str | None = None


@dataclass(frozen=True)
class _Known:
    """What the answers are read from. ``heard_at``: when a key of the events API was last used; None: there is none."""

    shop: Shop
    brevo: bool
    has_key: bool
    heard_at: datetime | None
    paused: Mapping[str, str]
    reviews: bool
    subscriptions: bool

    def lacks(self, scope: str) -> bool:
        """Whether the store has said that it does not grant this; what it has not said is not held against it."""
        granted = self.shop.granted_scopes
        return granted is not None and scope in missing(set(granted))


def of(connection: Connection, shop: Shop) -> list[Capability]:
    """All of them, in the order in which a merchant sets them up."""
    known = _known(connection, shop)
    return [Capability(name, label, *ask(known)) for name, (label, ask) in _ALL.items()]


_Answer = tuple[bool, str, str, str | None]


def _yes(says: str) -> _Answer:
    return True, says, "", None


def _store(known: _Known) -> _Answer:
    if known.shop.state == "uninstalled" or known.shop.token_trouble:
        todo = "Open the app in the Shopify admin, or install it again."
        return False, "The store gives no access any more.", todo, None
    lacking = [NEEDED[name].purpose for name in missing(set(known.shop.granted_scopes or NEEDED))]
    if lacking:
        todo = "Install the app again and agree to all that it asks for."
        return True, f"Connected. Not allowed to read or write: {'; '.join(lacking)}.", todo, None
    return _yes("Connected.")


def _brevo(known: _Known) -> _Answer:
    if not known.brevo:
        return False, "Brevo is not connected: nothing is sent.", "Connect the Brevo account.", "admin.brevo"
    return _yes("Connected.")


def _email(known: _Known) -> _Answer:
    if not known.brevo:
        return _brevo(known)
    if "email" in known.paused:
        return _halted(known, "email")
    shop = known.shop
    if not shop.sender_email:
        return (
            False,
            "There is no address to send from.",
            "Choose a sender that is verified at Brevo.",
            "admin.settings",
        )
    if not shop.settings["address"]:
        says = f"Emails are sent from {shop.sender_email}, with that address in the footer in place of a postal one."
        return True, says, "Enter the postal address of the shop: most countries ask for it.", "admin.settings"
    return _yes(f"Emails are sent from {shop.sender_email}.")


def _sms(known: _Known) -> _Answer:
    if known.brevo and "sms" in known.paused:
        return _halted(known, "sms")
    sender = known.shop.settings["sms"]["sender"]
    if not known.brevo or not sender:
        todo = "Enter the sender of text messages, and buy credits for them at Brevo."
        return False, "Text messages are not set up: flows leave them out.", todo, "admin.settings"
    return _yes(f"Text messages are sent from {sender}.")


def _whatsapp(known: _Known) -> _Answer:
    if known.brevo and "whatsapp" in known.paused:
        return _halted(known, "whatsapp")
    sender = known.shop.settings["whatsapp"]["sender"]
    if not known.brevo or not sender:
        todo = "Enter the number of the shop's WhatsApp account as Brevo shows it."
        return False, "WhatsApp is not set up: flows leave its messages out.", todo, "admin.settings"
    return _yes(f"WhatsApp messages are sent from {sender}.")


def _halted(known: _Known, channel: str) -> _Answer:
    return False, f"Nothing is sent: {known.paused[channel]}", "Then start the channel again.", "admin.standing"


def _push(known: _Known) -> _Answer:
    todo = "Nothing to do: flows leave push messages out and go on with their other messages."
    return False, "Web push cannot be sent yet.", todo, None


def _outside(known: _Known) -> _Answer:
    if not known.has_key:
        says = "Nobody tells what visitors look at, search for and put aside in the storefront."
        return False, says, "Make a key of the events API and have the storefront use it.", "admin.keys"
    if known.heard_at is None:
        says = "There is a key of the events API, and nothing was told with it yet."
        return False, says, "Have the storefront, or the system that has the key, send its first event.", "admin.keys"
    return _yes(f"Events were last told on {known.heard_at:%Y-%m-%d}.")


def _loyalty(known: _Known) -> _Answer:
    programme = known.shop.settings["loyalty"]
    if programme is None:
        todo = "Say where points and tiers come from: metafields or tags of the store, the events API, or files."
        return False, "Nothing is known of points and tiers.", todo, "admin.settings"
    return _yes(f"Points and tiers come from {programme['source']}.")


def _birthdays(known: _Known) -> _Answer:
    asked = chosen(known.shop.settings, "birthday")
    if not asked["metafield"] and not asked["answer"]:
        todo = "Name the metafield of customers, or the question of a form, that tells the birthday."
        return False, "Nobody's birthday is known.", todo, "admin.settings"
    return _yes("Birthdays come from the store's customers or from forms.")


def _reviews(known: _Known) -> _Answer:
    if not known.reviews:
        todo = "Have the system that collects reviews tell them by the events API."
        return False, "No reviews are known: messages leave them out.", todo, "admin.keys"
    return _yes("Reviews are told by the events API.")


def _subscriptions(known: _Known) -> _Answer:
    if not known.subscriptions:
        todo = "Have the system that runs subscriptions tell them by the events API."
        return False, "No subscriptions are known: Shopify shows an app only its own.", todo, "admin.keys"
    return _yes("Subscriptions are told by the events API.")


def _offers(known: _Known) -> _Answer:
    names = sorted(known.shop.settings["offers"])
    if not names:
        todo = "Enter a code or a percentage for each offer that flows may make."
        return False, "No offers are set: flows send their messages without one.", todo, "admin.settings"
    return _yes(f"Set are: {', '.join(names)}.")


def _codes(known: _Known) -> _Answer:
    if known.lacks("write_discounts"):
        todo = "Install the app again and agree to discounts."
        return False, "The app may not make discount codes in the store.", todo, None
    return _yes("Discount codes are made in the store, one for each person.")


def _tags(known: _Known) -> _Answer:
    if known.lacks("write_customers"):
        todo = "Install the app again and agree to writing customers."
        return False, "The app may not give tags to customers of the store.", todo, None
    return _yes("Tags are given to customers of the store.")


_ALL: Mapping[str, tuple[str, Callable[[_Known], _Answer]]] = {
    "store": ("Shopify", _store),
    "brevo": ("Brevo", _brevo),
    "email": ("Email", _email),
    "sms": ("Text messages", _sms),
    "whatsapp": ("WhatsApp", _whatsapp),
    "push": ("Web push", _push),
    "outside": ("Storefront and other systems", _outside),
    "codes": ("Discount codes", _codes),
    "tags": ("Tags of customers", _tags),
    "offers": ("Offers", _offers),
    "loyalty": ("Points and tiers", _loyalty),
    "birthdays": ("Birthdays", _birthdays),
    "reviews": ("Reviews", _reviews),
    "subscriptions": ("Subscriptions", _subscriptions),
}
NAMES = frozenset(_ALL)


def _known(connection: Connection, shop: Shop) -> _Known:
    mine = (api_keys.c.shop_id == shop.id) & api_keys.c.revoked_at.is_(None) & api_keys.c.role.is_(None)
    keys, heard_at = connection.execute(select(func.count(), func.max(api_keys.c.last_used_at)).where(mine)).one()
    grants = (brevo_grants.c.shop_id == shop.id) & brevo_grants.c.trouble.is_(None)
    return _Known(
        shop,
        bool(shop.brevo_key) or bool(connection.scalar(select(exists().where(grants)))),
        bool(keys),
        heard_at,
        {one.channel: one.sentence for one in pauses(connection, shop.id)},
        _any(connection, reviews, shop.id),
        _any(connection, subscriptions, shop.id),
    )


def _any(connection: Connection, table: Table, shop_id: int) -> bool:
    return bool(connection.scalar(select(exists().where(table.c.shop_id == shop_id))))
