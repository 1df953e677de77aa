"""What the channels need, what their messages cost, and how orders are counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from connector.admin.sections.kinds import FLAG, NUMBER, PRICES, TEXT, choice
from connector.admin.sections.section import Field, Section, defaults
from connector.shops import Shop


def _said_channels(connection: Connection, shop: Shop, now: datetime) -> Sequence[str]:
    said = []
    for name, label in (("sms", "text messages"), ("whatsapp", "WhatsApp messages")):
        sender = shop.settings[name]["sender"]
        said.append(f"{label.capitalize()} come from {sender}." if sender else f"Without a sender no {label} leave.")
    return said


CHANNELS = Section(
    "channels",
    "Channels",
    "Who sends texts and WhatsApp messages, and how much the account at Brevo may send.",
    (
        Field(
            "sms.sender",
            "Sender of texts",
            TEXT,
            "Up to 11 letters and digits, or 12 to 15 digits.",
            "Text messages",
            "no texts leave",
        ),
        Field(
            "sms.organisation_prefix",
            "Name before each text",
            TEXT,
            "",
            "Text messages",
            "the shop's, where carriers ask for it",
        ),
        Field("sms.stop_text", "How to stop them", TEXT, "With [STOP_CODE], which Brevo fills in.", "Text messages"),
        Field(
            "whatsapp.sender",
            "Number that sends",
            TEXT,
            "Digits with the country's code, as Brevo shows it.",
            "WhatsApp",
            "no WhatsApp messages leave",
        ),
        Field(
            "plan",
            "Rate limits of the account",
            choice(("general", "General"), ("advanced", "Advanced"), ("extended", "Extended")),
            "As Brevo has told you; General when you do not know.",
            "Account at Brevo",
        ),
        Field(
            "daily_emails", "Emails in any 24 hours, at most", NUMBER, "", "Account at Brevo", "what the plan allows"
        ),
    ),
    ("sms", "whatsapp", "plan", "daily_emails"),
    effect=_said_channels,
)

COSTS = Section(
    "costs",
    "Costs",
    "What one message costs in the shop's currency, so that reports can set it against what it brought.",
    tuple(
        Field(
            f"message_costs.{name}",
            label,
            PRICES,
            "One country to a line, such as FR 0.045. The line “default 0.06” is for all others.",
            empty="not counted",
        )
        for name, label in (("email", "An email"), ("sms", "A text, each part"), ("whatsapp", "A WhatsApp message"))
    ),
    ("message_costs",),
)

ORDERS = Section(
    "orders",
    "Orders that count",
    "Which orders beside those of the online store start flows and count as orders.",
    (
        Field("include_test_orders", "Test orders", FLAG),
        Field("include_pos_orders", "Orders at the till", FLAG),
        Field("include_draft_orders", "Draft orders", FLAG),
    ),
    ("include_test_orders", "include_pos_orders", "include_draft_orders"),
)

_TOUCHES = {
    "clicked_days": "Days after a click",
    "opened_days": "Days after an open",
    "sent_days": "Days after it was sent",
}
_NAMES = {"email": "Email", "sms": "SMS", "whatsapp": "WhatsApp", "push": "Push"}


def _windows() -> tuple[Field, ...]:
    """A field for each window that there is (``connector.attribution_settings``)."""
    return tuple(
        Field(f"attribution.{channel}.{touch}", _TOUCHES[touch], NUMBER, "0: it does not count.", _NAMES[channel])
        for channel, windows in defaults().get("attribution", {}).items()
        for touch in windows
    )


def _said_windows(connection: Connection, shop: Shop, now: datetime) -> Sequence[str]:
    return (
        "An order is owed to the last message that somebody clicked, opened or was sent within these days before it,"
        " and to no other. Refunds are taken off. Reports are counted anew when you change this.",
    )


def windows() -> Section:
    return Section(
        "attribution",
        "Revenue of messages",
        "Which orders count as brought by a message.",
        _windows(),
        ("attribution",),
        effect=_said_windows,
    )
