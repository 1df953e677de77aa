"""How often, when and to whom marketing is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from connector import consent_policy
from connector.admin.sections import held
from connector.admin.sections.kinds import (
    ADDRESS,
    COUNTRIES,
    DECIMAL,
    FLAG,
    NUMBER,
    TEXT,
    TIME,
)
from connector.admin.sections.section import Field, Section, Settings
from connector.shops import Shop
from flows.core.permission import CART, OWN, Country, Policy, Rule

CHANNELS: Mapping[str, str] = {"email": "Email", "sms": "SMS", "whatsapp": "WhatsApp", "push": "Push"}
_ALL = {"all": "All channels together", **CHANNELS}


def _limits(settings: Settings) -> None:
    caps = settings.get("caps") or {}
    for channel, one in list(caps.items()):
        if "count" not in one and channel in _ALL:
            del caps[channel]
        elif "days" in one:
            one.pop("per", None)
        else:
            one["per"] = "day"


def _said_limits(connection: Connection, shop: Shop, now: datetime) -> Sequence[str]:
    cap = shop.settings["marketing_cap"]
    said = [
        f"On each channel somebody gets at most {cap['count']} marketing messages in {_days(cap['days'])},"
        " from all flows together. Flows that bring their own plan, such as welcome and cart recovery, are counted"
        " but not held back."
    ]
    for channel, one in shop.settings["caps"].items():
        window = "on one day" if one.get("per") else f"in {_days(one['days'])}"
        said.append(f"{_ALL.get(channel, channel)}: at most {one['count']} {window}.")
    found = held.held(connection, shop, now)
    if found is None:
        return [*said, "No marketing has been sent yet, so nobody would be held back now."]
    return [
        *said,
        f"Of the last {found.people:,} people who were sent marketing, {found.held:,} would get nothing more"
        f" {'by email' if found.channel == 'email' else f'by {_ALL[found.channel]}'} right now.",
    ]


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


LIMITS = Section(
    "limits",
    "How often",
    "So that nobody is written to too often, whatever flows they are in.",
    (
        Field("marketing_cap.count", "Messages", NUMBER, group="Each channel by itself"),
        Field("marketing_cap.days", "In days", NUMBER, "At most 30.", group="Each channel by itself"),
        *(
            field
            for channel, label in _ALL.items()
            for field in (
                Field(f"caps.{channel}.count", "Messages", NUMBER, group=label, empty="no further limit"),
                Field(f"caps.{channel}.days", "In days", NUMBER, group=label, empty="on one day"),
            )
        ),
        Field(
            "support_ticket_days",
            "Days without marketing while somebody waits for help",
            NUMBER,
            "Counted from the day a support ticket was opened, when nobody closes it.",
            group="Support",
        ),
    ),
    ("marketing_cap", "caps", "support_ticket_days"),
    tidy=_limits,
    effect=_said_limits,
)


def _said_hours(connection: Connection, shop: Shop, now: datetime) -> Sequence[str]:
    own = shop.settings["quiet_hours"]
    first = (
        f"No marketing leaves between {own['start']} and {own['end']}, by the clock where the customer lives."
        if own
        else "There are no hours of your own: email may leave at any time of day."
    )
    return [first, "Text and WhatsApp messages keep the hours of the law where the customer lives besides."]


HOURS = Section(
    "hours",
    "When not",
    "Quiet hours, in which no marketing leaves. A message that is due waits until they are over.",
    (
        Field("quiet_hours.start", "From", TIME, "For example 21:00.", empty="no quiet hours"),
        Field("quiet_hours.end", "Until", TIME, "For example 08:00.", empty="no quiet hours"),
    ),
    ("quiet_hours",),
    effect=_said_hours,
)

BRAKE = Section(
    "brake",
    "When people complain",
    "Stops marketing emails by itself when too many people mark them as spam, before mailboxes stop them for good.",
    (
        Field("complaint_brake.on", "Stop marketing emails when too many complain", FLAG),
        Field(
            "complaint_brake.percent", "Complaints in a hundred delivered", DECIMAL, "Mailboxes ask for less than 0.3."
        ),
        Field("complaint_brake.days", "Looked at over days", NUMBER),
        Field("complaint_brake.least_delivered", "Only once so many were delivered", NUMBER),
        Field("complaint_brake.least_complaints", "And so many complained", NUMBER),
    ),
    ("complaint_brake",),
)


def _said_consent(connection: Connection, shop: Shop, now: datetime) -> Sequence[str]:
    country, double = shop.settings["country"], shop.settings["double_opt_in"]
    said = [
        f"People of whom no country is known are treated as in {country}."
        if country
        else "People of whom no country is known are treated by the strictest rules: name your country to change it."
    ]
    if double["template_id"] is None or double["list_id"] is None:
        said.append(
            "Nobody is asked to confirm, because no template and list at Brevo are named: who has to, gets nothing."
        )
    return said


def _rules(shop: Shop) -> Mapping[str, Any]:
    policy = consent_policy.in_force(shop.settings)
    mine = shop.settings["country"]
    order = sorted(policy.countries, key=lambda code: (code != mine, code))
    columns = [(channel, purpose) for channel, purpose in (*OWN.items(), ("email", CART))]
    return {
        "columns": [f"{CHANNELS[channel]}{', about carts' if purpose == CART else ''}" for channel, purpose in columns],
        "rows": [
            *((code, _asked(policy.countries[code], columns, policy, code)) for code in order),
            ("Any other", _asked(policy.strictest, columns, policy, "")),
        ],
    }


def _asked(country: Country, columns: Sequence[tuple[str, str]], policy: Policy, code: str) -> list[str]:
    return [in_words(country.rules.get(cell), policy, code) for cell in columns]


def in_words(rule: Rule | None, policy: Policy, code: str) -> str:
    """What has to be there before marketing is sent."""
    if rule is None:
        return "not allowed"
    said = "a confirmed yes" if rule.double_opt_in or policy.always_double else "a yes of their own"
    if not rule.double_opt_in and not policy.always_double and rule.implied_days != 0:
        said = "a yes" if rule.implied_days is None else f"a yes, or a purchase in {rule.implied_days} days"
    return f"{said}, or they bought and could object" if rule.soft_opt_in and code in policy.soft_opt_in else said


CONSENT = Section(
    "consent",
    "Whom",
    "What people must have agreed to before marketing is sent, by country. Not legal advice: ask a lawyer.",
    (
        Field(
            "country",
            "Country of people of whom none is known",
            TEXT,
            "Two letters, such as DE.",
            empty="the strictest rules",
        ),
        Field(
            "soft_opt_in",
            "Countries in which buyers who did not object may be written to",
            COUNTRIES,
            "Such as FR, GB. It counts only where the law has it.",
            empty="none",
        ),
        Field(
            "double_opt_in.always",
            "Have every opt-in confirmed, also where the law does not ask for it",
            FLAG,
            group="Confirmation",
        ),
        Field(
            "double_opt_in.template_id",
            "Number of the double opt-in template at Brevo",
            NUMBER,
            group="Confirmation",
            empty="nobody is asked",
        ),
        Field(
            "double_opt_in.list_id",
            "Number of the list at Brevo for those who confirm",
            NUMBER,
            group="Confirmation",
            empty="nobody is asked",
        ),
        Field(
            "double_opt_in.redirection_url",
            "Page for those who have confirmed",
            ADDRESS,
            group="Confirmation",
            empty="our own, which says thank you",
        ),
        Field(
            "double_opt_in.reminder_days",
            "Remind once, after days",
            NUMBER,
            group="Confirmation",
            empty="nobody is reminded",
            keeps_empty=True,
        ),
        Field("ask_for_open_tracking", "Record opens only of people who agreed to it", FLAG, group="Your records"),
        Field("consent_to_store", "Write opt-outs and opt-ins to the store as well", FLAG, group="Your records"),
        Field(
            "store_may_welcome",
            "Write opt-ins to the store at once; the store then sends its own welcome mail",
            FLAG,
            group="Your records",
        ),
    ),
    ("country", "soft_opt_in", "double_opt_in", "ask_for_open_tracking", "consent_to_store", "store_may_welcome"),
    owners=True,
    effect=_said_consent,
    part="admin/_setting_consent.html",
    more=_rules,
)
