"""What flows may ask of somebody's behaviour, as families of facts: ``activity``, ``opens``, ``score`` and ``rfm``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flows.core import message_signs, scores
from flows.core.activity import SHOWN_VIEWS, Activity
from flows.core.scores import Scoring

FIELDS: Mapping[str, str] = {
    "activity.known_since": "since when it is known what they do: what was before, nobody here has seen",
    "activity.first_visit_at": "when they were first in the store's pages",
    "activity.last_visit_at": "when they were last in the store's pages",
    "activity.last_login_at": "when they last signed in",
    "activity.last_click_at": "when they last clicked in a message",
    "activity.last_cart_at": "when they last put something into a cart or began a checkout",
    "activity.last_engaged_at": "when they last clicked, ordered, visited or signed in",
    "activity.quiet_since": "the same; of somebody who never did, since when it is known what they do",
    "activity.last_product.product_id": "the product that they looked at last",
    "activity.last_product.title": "its title",
    "activity.last_product.category": "its category",
    "activity.last_product.at": "when that was",
    "activity.last_category": "the category that they looked at last",
    "activity.last_search": "what they searched for last",
    "activity.viewed": "the products that they looked at in the last 90 days, the newest first",
    "activity.views.ID": "how often they looked at the product ID in the last 30 days",
    "opens.last_at": "when they last opened a message; cannot be told of those whose opens may not be recorded or are "
    "made by their mail program",
    "opens.in_a_row": "how many emails they opened in a row, up to the newest that they opened; the same holds",
    "score.lead": "how many points they have as somebody who may buy",
    "score.engagement": "how many points they have for what they did lately",
    "rfm.recency": "how recently they bought beside the shop's other customers: 1 (the lowest fifth) to 5",
    "rfm.frequency": "how often they bought, in the same way",
    "rfm.monetary": "how much they spent, in the same way",
}


def activity(
    known: Activity, now: datetime, *, known_since: datetime, last_order_at: datetime | None = None
) -> dict[str, Any]:
    """The ``activity`` family. `known_since`: from when on what the person does was heard."""
    orders = [at for at in (last_order_at, known.at("order")) if at is not None]
    engaged = known.newest("click", "visit", "login")
    last = max([*orders, *([engaged] if engaged else [])], default=None)
    since = now - SHOWN_VIEWS
    return {
        "known_since": known_since.isoformat(),
        "first_visit_at": known.signs.get("first_visit"),
        "last_visit_at": known.signs.get("visit"),
        "last_login_at": known.signs.get("login"),
        "last_click_at": known.signs.get("click"),
        "last_cart_at": known.signs.get("cart"),
        "last_engaged_at": last.isoformat() if last else None,
        "quiet_since": (last or known_since).isoformat(),
        "last_product": known.product,
        "last_category": known.category["category"] if known.category else None,
        "last_search": known.search["query"] if known.search else None,
        "viewed": [int(one) if one.isdecimal() else one for one in known.products.newest()],
        "views": {product: looks.since(since) for product, looks in known.products.of.items()},
    }


def opens(known: Activity, *, tracked: bool) -> dict[str, Any] | None:
    """The ``opens`` family; None when opens cannot be told: they may not be recorded, or the newest was a mail
    program's."""
    own, proxy = known.at("open"), known.at("proxy_open")
    if not tracked or (proxy is not None and (own is None or own < proxy)):
        return None
    return {
        "last_at": known.signs.get("open"),
        "in_a_row": message_signs.in_a_row(known.messages),
        "row": list(known.row) if known.row else None,
    }


def score(known: Activity, scoring: Mapping[str, Scoring], now: datetime) -> dict[str, int]:
    """The ``score`` family: every score of the shop, 0 of somebody without points."""
    return {name: scores.value(known.scores.get(name, {}), of, now) for name, of in scoring.items()}
