"""When signals are told, where loyalty data come from, who hears of customers, and which reviews come back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from connector import staff_addresses
from connector.admin.sections.consumables import KINDS, PRODUCTS
from connector.admin.sections.kinds import (
    AMOUNTS,
    DECIMAL,
    EMAIL,
    FLAG,
    LINES,
    NUMBER,
    NUMBERS,
    TEXT,
    TIERS,
    TIME,
    choice,
    lookup,
    several,
)
from connector.admin.sections.scores import POINTS
from connector.admin.sections.section import Field, Section, Settings
from connector.shops import Shop
from connector.signal_settings import chosen
from flows.core.signals.consumption import TABLE

_LIST = "Several with commas between; each is told by itself."


class _SignalField(Field):
    """What is not set of a signal has the default of the signal's own schema."""

    def shown(self, settings: object) -> str:
        _, name, what = self.path.split(".", 2)
        return self.kind.show(lookup(chosen(settings, name), what))  # type: ignore[arg-type]


def _score(name: str, label: str, about: str) -> tuple[Field, ...]:
    path = f"signals.scores.{name}"
    return (
        _SignalField(
            f"{path}.points",
            "What gives points",
            POINTS,
            f"{about}, as a number that flows and segments ask for (score.{name}). An event of your own is written"
            " custom:NAME. Taken away are points below 0. “And of it” is a field of the event, such as event.url.",
            label,
            "nothing gives points",
        ),
        _SignalField(
            f"{path}.reached", "Flows are told when somebody reaches", NUMBERS, "Points. " + _LIST, label, "never"
        ),
        _SignalField(
            f"{path}.days",
            "Only what was done in so many days counts",
            NUMBER,
            "",
            label,
            "it counts for good",
            keeps_empty=True,
        ),
    )


SIGNALS = Section(
    "signals",
    "Signals",
    "From when on something counts as worth telling flows, such as a milestone or an order of high value.",
    (
        _SignalField(
            "signals.milestone_order.orders", "Orders of a person that are milestones", NUMBERS, _LIST, "Orders"
        ),
        _SignalField("signals.order_count_reached.orders", "Numbers of orders that are told", NUMBERS, _LIST, "Orders"),
        _SignalField(
            "signals.confirmed_orders_reached.orders", "Numbers of paid orders that are told", NUMBERS, _LIST, "Orders"
        ),
        _SignalField(
            "signals.high_value_order.amounts",
            "An order is of high value from",
            AMOUNTS,
            "In the shop's currency.",
            "Orders",
        ),
        _SignalField(
            "signals.total_spent_reached.amounts",
            "Totals spent that are told",
            AMOUNTS,
            "In the shop's currency.",
            "Orders",
        ),
        _SignalField("signals.product_viewed_n_times.times", "Looks at one product", NUMBERS, _LIST, "Interest"),
        _SignalField("signals.product_viewed_n_times.days", "Within days", NUMBER, "", "Interest"),
        _SignalField("signals.category_browsed.times", "Looks at one category", NUMBERS, _LIST, "Interest"),
        _SignalField("signals.category_browsed.days", "Within days", NUMBER, "", "Interest"),
        _SignalField("signals.opened_n_in_a_row.times", "Emails opened in a row", NUMBERS, _LIST, "Interest"),
        _SignalField(
            "signals.birthday.metafield",
            "Metafield of customers that has it",
            TEXT,
            "Such as facts.birth_date.",
            "Birthdays",
            "none",
        ),
        _SignalField(
            "signals.birthday.answer", "Question of a form that is answered with it", TEXT, "", "Birthdays", "none"
        ),
        _SignalField("signals.birthday.at", "Told at", TIME, "", "Birthdays"),
        _SignalField("signals.birthday.days_before", "Days before", NUMBERS, "0: on the day. " + _LIST, "Birthdays"),
        _SignalField(
            "signals.renewal_upcoming.days_before", "Days before a renewal", NUMBERS, _LIST, "Subscriptions and refills"
        ),
        _SignalField(
            "signals.replenishment_due.days_before",
            "Days before something is used up",
            NUMBER,
            "",
            "Subscriptions and refills",
        ),
        _SignalField(
            "signals.replenishment_due.products",
            "Which products, and how long they last",
            PRODUCTS,
            "So that customers are reminded in time. Say how long they last: by a kind, or by days of their own. Of"
            " several lines that fit a product the most exact one counts.",
            "Products that are used up",
            "none",
        ),
        _SignalField(
            "signals.replenishment_due.kinds",
            "Kinds of such products",
            KINDS,
            f"Those that ship are {', '.join(TABLE)}. One of the same name replaces it.",
            "Products that are used up",
            "those that ship",
        ),
        *_score("lead", "Lead score", "How far somebody is from buying for the first time"),
        *_score("engagement", "Engagement score", "How much somebody takes part"),
    ),
    ("signals",),
)

STOCK = Section(
    "stock",
    "Prices and stock",
    "Who is told when a price drops or something is back.",
    (
        Field("catalogue_signals.price_drop_percent", "A price has dropped from per cent", DECIMAL),
        Field("catalogue_signals.low_stock", "Stock is low from pieces", NUMBER),
        Field("catalogue_signals.viewed_days", "Who looked at it hears of it for days", NUMBER, "0: not at all."),
        Field("catalogue_signals.carted_days", "Who had it in the cart, for days", NUMBER, "0: not at all."),
        Field("catalogue_signals.bought_days", "Who bought it, for days", NUMBER, "0: not at all."),
        Field(
            "catalogue_signals.buyers",
            "What those are told who bought it",
            several(
                ("price_dropped", "the price dropped"), ("back_in_stock", "it is back"), ("low_stock", "few are left")
            ),
        ),
        Field("catalogue_signals.most_people", "People told of one change, at most", NUMBER),
        Field("catalogue_signals.alert_form", "Form by which people ask to be told", TEXT),
        Field("catalogue_signals.brevo_alerts", "Brevo's own alerts tell them", FLAG),
    ),
    ("catalogue_signals",),
)


def _no_source(settings: Settings) -> None:
    if (settings.get("loyalty") or {}).get("source") in (None, "none"):
        settings["loyalty"] = None


_METAFIELD = "NAMESPACE.KEY"
LOYALTY = Section(
    "loyalty",
    "Loyalty",
    "Where points, tiers and rewards come from.",
    (
        Field(
            "loyalty.source",
            "Source",
            choice(
                ("none", "None: nothing is kept"),
                ("metafields", "Metafields of customers in the store"),
                ("tags", "Tags of customers in the store"),
                ("api", "The events API"),
                ("file", "Files"),
            ),
        ),
        Field(
            "loyalty.tiers",
            "Tiers, and from how many points on",
            TIERS,
            "One to a line, such as Gold 500.",
            empty="none",
        ),
        Field(
            "loyalty.close_percent",
            "Close to the next tier when so many in a hundred points are lacking",
            NUMBER,
            empty="10",
        ),
        Field("loyalty.risk_days", "Days before a tier ends that flows are told", NUMBER, empty="30"),
        Field("loyalty.points", "Metafield of points", TEXT, _METAFIELD, "In the store", "loyalty.points"),
        Field("loyalty.tier", "Metafield of the tier", TEXT, _METAFIELD, "In the store", "loyalty.tier"),
        Field("loyalty.reward", "Metafield of the reward", TEXT, _METAFIELD, "In the store", "loyalty.reward"),
        Field("loyalty.expires_at", "Metafield of its end", TEXT, _METAFIELD, "In the store", "loyalty.expires_at"),
        Field("loyalty.tier_tag", "How a tag begins that names a tier", TEXT, "", "In the store", "tier:"),
        Field("loyalty.first_word_is_news", "The first that is heard of somebody counts as earned", FLAG),
    ),
    ("loyalty",),
    tidy=_no_source,
)


def _said_notify(connection: Connection, shop: Shop, now: datetime) -> Sequence[str]:
    told = staff_addresses.of_shop(connection, shop)
    return (f"Flows may tell of customers: {', '.join(told)}.",) if told else ("Nobody is told of customers by flows.",)


NOTIFY = Section(
    "notify",
    "Who is told",
    "Emails about new alerts go to these addresses. Flows may tell them of customers and give tasks to them, too,"
    " beside staff who may see the shop: enter only whom you would tell of customers.",
    (
        Field(
            "notify",
            "Addresses, one to a line",
            LINES,
            "At most 20. What a flow names nobody for goes to all of them.",
            empty="nobody",
        ),
    ),
    ("notify",),
    owners=True,
    effect=_said_notify,
)

REVIEWS = Section(
    "reviews",
    "Reviews",
    "Tasks that come back by themselves: to look at the figures, and whether the flows are still what you want.",
    (
        Field("reviews.monthly", "Every month: the figures", FLAG),
        Field("reviews.quarterly", "Every quarter: trends, recommendations, creative, subject lines", FLAG),
        Field("reviews.annual", "Every year: logic, timing, platforms, brand voice, under-performers", FLAG),
        Field("reviews.assignee", "For", EMAIL, "Somebody on the staff.", empty="everybody"),
        Field("reviews.due_days", "Due after days", NUMBER),
    ),
    ("reviews",),
)
