"""A cart with something in it was not changed for a while (`after`, else one hour), and no checkout was begun with it.

Only a cart of which it is known whose it is. Once a checkout is begun, it is `checkout_abandoned` that tells. An order
of the person since stops it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flows.core.facts import Facts, lookup
from flows.core.model import Event
from flows.core.signals.left_behind import worth_recovering
from flows.core.signals.signal import Anchor, ArmTimer, Derived, NewEvent, Past, PastClock, Signal, SignalSettings
from flows.core.signals.thresholds import armed, rung

NAME = "cart_abandoned"
DEFAULT = timedelta(hours=1)
_COPIED = ("total", "currency", "items")


def _armed(token: str, anchor: datetime, seconds: Sequence[int], place: int) -> ArmTimer:
    return armed(NAME, token, anchor, seconds, place, cart_token=token)


def derive(event: Event, facts: Facts, settings: SignalSettings, now: datetime) -> Derived:
    token = event.props.get("cart_token")
    if not token or not worth_recovering(event.props):
        return Derived()
    return Derived(arm=(_armed(token, event.occurred_at, settings.seconds(NAME, DEFAULT), 0),))


def fire(payload: Mapping[str, Any], facts: Facts, now: datetime) -> Derived:
    """Of a cart that changed again while the clock ran the whole time counts anew."""
    cart = lookup(facts, "cart")
    if not isinstance(cart, Mapping) or cart["taken_further"] or not worth_recovering(cart):
        return Derived()
    token, seconds, place = payload["cart_token"], payload["after_seconds"], payload["place"]
    armed_at, changed_at = (datetime.fromisoformat(one) for one in (payload["anchor_at"], cart["source_updated_at"]))
    if changed_at > armed_at:
        armed_at, place = changed_at, 0
    last = lookup(facts, "person.last_order_at")
    if isinstance(last, str) and datetime.fromisoformat(last) >= armed_at:
        return Derived()
    timer = _armed(token, armed_at, seconds, place)
    if timer.due_at > now:
        return Derived(arm=(timer,))
    props = {
        "cart_token": token,
        "anchor_at": armed_at.isoformat(),
        "after_seconds": seconds[place],
        **{field: cart[field] for field in _COPIED},
        "recovery_url": _link(facts, cart["items"]),
    }
    identity = _identity(token, armed_at, seconds[place])
    return rung(NewEvent(NAME, timer.due_at, f"cart:{token}", token, identity, props), timer)


def _link(facts: Facts, items: Sequence[Mapping[str, Any]]) -> str | None:
    """The store's own address that fills a cart (/cart/VARIANT:QUANTITY,...); None when an item cannot be named."""
    url = lookup(facts, "shop.url")
    named = [f"{item['variant_id']}:{item.get('quantity') or 1}" for item in items if item.get("variant_id")]
    return f"{url}/cart/{','.join(named)}" if isinstance(url, str) and len(named) == len(items) else None


def _identity(token: str, anchor: datetime, seconds: int) -> str:
    return f"cart:{token}:{anchor.isoformat()}:{seconds}"


def clock(anchor: Anchor, settings: SignalSettings, now: datetime) -> PastClock | None:
    seconds = settings.seconds(NAME, DEFAULT)
    return PastClock(_armed(anchor.key, anchor.at, seconds, 0), _identity(anchor.key, anchor.at, seconds[0]))


CART_ABANDONED = Signal(
    name=NAME,
    about=__doc__,
    listens=frozenset({"cart_created", "cart_updated"}),
    needs=frozenset({"cart", "person", "shop"}),
    props={
        "cart_token": "the cart; the usual key of a flow",
        "anchor_at": "its last change: what “from trigger” counts from",
        "after_seconds": "the threshold that passed",
        "items": "what is in it",
        "total": "its total",
        "currency": "its currency",
        "recovery_url": "an address that fills a cart with it again",
    },
    derive=derive,
    fire=fire,
    threshold=DEFAULT,
    buying=True,
    # An old cart is of no use any more.
    past=Past("open_carts", clock, late=False),
    only_heard=True,
)
