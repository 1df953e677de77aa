"""What of the account at Brevo is this shop's: its lists, the names of its attributes, and its keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from connector.admin.sections.kinds import LINES, NUMBER, Kind
from connector.admin.sections.section import Field, Section
from connector.shops import Shop

NO_PREFIX = "none"
_PREFIX = Kind(
    lambda text: "" if text.strip().lower() == NO_PREFIX else text.strip().upper(),
    lambda value: NO_PREFIX if value == "" else value or "",
)
_PURPOSES = {
    "newsletter": "People who agreed to emails",
    "sms": "People who agreed to texts",
    "whatsapp": "People who agreed to WhatsApp",
    "imports": "People who are just being brought over",
}
_MADE = "one of our own, made when the account is connected"


def _effect(connection: Connection, shop: Shop, now: datetime) -> Sequence[str]:
    made = shop.settings["lists"]
    own = shop.settings["contact_list"]
    email = own if own is not None else made.get("newsletter")
    said = [
        f"Whoever agrees to emails is put on list {email}, and taken off it when they opt out."
        if email is not None
        else "There is no list for people who agree to emails yet: it is made when the account is connected."
    ]
    prefix = shop.attribute_prefix
    said.append(
        f"The names of its attributes at Brevo begin with {prefix}." if prefix else "Its attributes have no prefix."
    )
    if shop.sharing:
        others = "another shop" if len(shop.sharing) == 1 else f"{len(shop.sharing)} other shops"
        said.append(f"The account is shared with {others}: a prefix keeps what each knows of somebody apart.")
    return said


ACCOUNT = Section(
    "account",
    "Lists and names at Brevo",
    "Which lists people are put on, what the names of the shop's attributes begin with, and which keys are ours. All of"
    " it is made by itself: change it to use lists of your own, or when several shops share an account.",
    (
        Field(
            "contact_list",
            "A list of your own for people who agreed to emails",
            NUMBER,
            "The list's number, as Brevo shows it. It goes before the one below.",
            "Lists",
            "none",
        ),
        *(
            Field(
                f"lists.{purpose}",
                label,
                NUMBER,
                "Leave it alone: nobody should be written to by it, and it is emptied." if purpose == "imports" else "",
                "Lists",
                _MADE,
            )
            for purpose, label in _PURPOSES.items()
        ),
        Field(
            "attribute_prefix",
            "Before the names of attributes",
            _PREFIX,
            f"Capital letters, digits and _, such as TEA_. “{NO_PREFIX}”: nothing, also where shops share an account.",
            "Attributes",
            "nothing, or the shop's name where it shares the account",
        ),
        Field(
            "brevo_key_names",
            "Names of our API keys at Brevo, one to a line",
            LINES,
            "What Brevo reports of changes made with these keys is our own and no word of a customer's.",
            "Keys",
            "it is known by what it says",
        ),
    ),
    ("contact_list", "lists", "attribute_prefix", "brevo_key_names"),
    owners=True,
    effect=_effect,
)
