"""The account of a demo: counted at the two simulated platforms, not in the product's own tables.

What the store acknowledged and what the provider accepted are the platforms' logs; the product is asked only what
became of each delivery.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.demo.outage import Outage
from sandbox.demo.stage import Stage

HOUR, DAY = 3600.0, 86400.0
# When each message of the two shipped flows is meant to leave, counted from what started the flow's clock.
CART = {
    "reminder": HOUR,
    "second-look": DAY,
    "incentive": 2 * DAY,
    "incentive-urgency": 2 * DAY,
    "any-questions": 2 * DAY,
    "last-chance": 3 * DAY,
}
WELCOME = {"hello": 0.0, "story": 2 * DAY, "favourites": 4 * DAY, "guide": 6 * DAY, "last-call": 8 * DAY}
# The promise: the first byte leaves at most this long after the order's webhook got its 2xx. Real seconds.
PROMISE = 1.0

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Mail:
    """One accepted email. ``key`` names the run, the step and the visit; times as in the provider's log."""

    account: str
    to: str
    flow: str
    message: str
    key: str
    html: str
    first_byte_at: float
    accepted_at: float

    @property
    def run(self) -> str:
        return self.key.partition(":")[0]


@dataclass(frozen=True)
class Account:
    """The figures of report.json, and the shopper whose story is worth telling."""

    figures: dict[str, Any]
    hero: tuple[str, str]


def draw_up(stage: Stage, shops: Sequence[str], outage: Outage, *, days: float, wall_seconds: float) -> Account:
    """Count everything. Times in the figures are minutes of business time and seconds of real time."""
    provider = stage.get(f"{stage.provider_url}/_control/log")["entries"]
    journal = stage.get(f"{stage.store_url}/_control/log")["entries"]
    state = stage.get(f"{stage.store_url}/_control/state")["shops"]
    accounts = {f"demo-key-{number}": shop for number, shop in enumerate(shops)}
    mails = [_mail(entry) for entry in provider if entry["kind"] == "email"]
    acknowledged = {entry["webhook_id"] for entry in journal if entry["kind"] == "acknowledged"}
    reports = [e for e in provider if e["kind"] == "webhook" and e["outcome"] == "ok"]
    became = {
        source: stage.get(f"{stage.product_url}/development/inbox", source=source) for source in ("shopify", "brevo")
    }
    processed = {
        source: {one for name, ids in found.items() if name not in ("new", "retry") for one in ids}
        for source, found in became.items()
    }
    orders = _orders(journal, state)
    carts = [Cart(shop, checkout, journal) for shop in shops for checkout in state[shop]["checkouts"]]
    late = _lateness(mails, accounts, carts, journal, outage)
    figures = {
        "webhooks_acknowledged": len(acknowledged) + len(reports),
        "webhooks_processed": sum(len(ids) for ids in processed.values()),
        "lost": len(acknowledged - processed["shopify"]) + max(0, len(reports) - len(processed["brevo"])),
        "contacts": sum(e["kind"] == "request" and _created(e) for e in provider),
        "provider_calls": sum(entry["kind"] == "request" for entry in provider),
        "emails_accepted": len(mails),
        "emails_by_message": dict(sorted(Counter(f"{m.flow}/{m.message}" for m in mails).items())),
        "checkouts_abandoned": sum(cart.abandoned for cart in carts),
        "checkouts_recovered": sum(cart.recovered for cart in carts),
        "emails_after_purchase": sum(_after_purchase(m, accounts[m.account], carts, orders) for m in mails),
        "duplicate_emails": _duplicates(mails),
        "simulated_days": days,
        "lateness_p95_minutes": round(_percentile(late, 0.95) / 60, 2),
        "lateness_measured_on": len(late),
        "wall_seconds": round(wall_seconds, 1),
    }
    return Account(figures, _hero(mails, accounts, orders))


class Cart:
    """A checkout with the history that the store's log keeps of it. All times are business time."""

    def __init__(self, shop: str, checkout: Entry, journal: Sequence[Entry]) -> None:
        self.shop, self.token, self.email = shop, checkout["token"], checkout["email"]
        self.edits = [
            float(e["at"])
            for e in journal
            if e["kind"] == "action"
            and e.get("checkout_token") == self.token
            and e["action"] in ("start_checkout", "update_checkout")
        ]
        self.abandoned = bool(checkout["abandoned"])
        self.recovered = bool(checkout["recovered"])


@dataclass(frozen=True)
class Order:
    """An order and when its webhook was acknowledged (real seconds)."""

    shop: str
    email: str
    checkout_token: str | None
    acknowledged_at: float


def _mail(entry: Entry) -> Mail:
    flow, message = entry["tags"][:2]
    return Mail(
        entry["account"],
        entry["to"],
        flow,
        message,
        entry["custom"],
        entry["html"],
        entry["first_byte_at"],
        entry["accepted_at"],
    )


def _created(entry: Entry) -> bool:
    return bool(entry["path"] == "/v3/contacts" and entry["method"] == "POST" and entry["status"] == 201)


def _orders(journal: Sequence[Entry], state: Mapping[str, Any]) -> list[Order]:
    deliveries = {
        (e["shop"], e["object_id"]): e["webhook_id"]
        for e in journal
        if e["kind"] == "webhook" and e["topic"] == "orders/create" and not e["forged"]
    }
    first: dict[str, float] = {}
    for entry in journal:
        if entry["kind"] == "acknowledged":
            first.setdefault(entry["webhook_id"], entry["real"])
    found = []
    for shop, kept in state.items():
        for order in kept["orders"]:
            webhook = deliveries.get((shop, f"order/{order['id']}"))
            if webhook in first:
                found.append(Order(shop, order["email"], order["checkout_token"], first[webhook]))
    return found


def _about(mail: Mail, shop: str, carts: Sequence[Cart]) -> Cart | None:
    """The checkout that a cart email links to."""
    tokens = set(re.findall(r"[0-9a-f]{16,}", mail.html))
    return next((c for c in carts if c.shop == shop and c.token in tokens), None)


def _after_purchase(mail: Mail, shop: str, carts: Sequence[Cart], orders: Sequence[Order]) -> bool:
    """Whether this email left more than the promised second after an order that ends its flow was acknowledged."""
    cart = _about(mail, shop, carts) if mail.flow == "cart-recovery" else None
    for order in orders:
        if order.shop != shop or mail.first_byte_at <= order.acknowledged_at + PROMISE:
            continue
        if cart is not None and order.checkout_token == cart.token:
            return True
        if mail.flow == "welcome" and order.email == mail.to:
            return True
    return False


def _duplicates(mails: Sequence[Mail]) -> int:
    """Emails beyond the first with the same key, or of the same message in the same run."""
    by_key = Counter((m.account, m.key) for m in mails)
    by_message = Counter((m.account, m.to, m.run, m.message) for m in mails)
    return max(sum(n - 1 for n in by_key.values()), sum(n - 1 for n in by_message.values()))


def _lateness(
    mails: Sequence[Mail],
    accounts: Mapping[str, str],
    carts: Sequence[Cart],
    journal: Sequence[Entry],
    outage: Outage,
) -> list[float]:
    """Seconds of business time between when each email was meant to leave and when the provider accepted it.

    The flow's clock starts with the last change of the checkout before the first reminder, or with the consent. What
    was meant to leave in the outage is left out: of that the report of the gaps tells.
    """
    consents: dict[tuple[str, str], list[float]] = defaultdict(list)
    for entry in journal:
        if entry["kind"] == "action" and entry.get("email"):
            consents[(entry["shop"], entry["email"])].append(float(entry["at"]))
    runs: dict[str, list[Mail]] = defaultdict(list)
    for mail in mails:
        runs[mail.run].append(mail)
    late = []
    for sent in runs.values():
        first = min(sent, key=lambda mail: mail.accepted_at)
        shop = accounts[first.account]
        if first.flow == "cart-recovery":
            cart = _about(first, shop, carts)
            starts = [at + CART["reminder"] for at in cart.edits] if cart else []
            plan, back = CART, CART["reminder"]
        else:
            starts, plan, back = consents[(shop, first.to)], WELCOME, 0.0
        before = [at for at in starts if at <= first.accepted_at]
        if before:
            anchor = max(before) - back
            meant = [(mail, anchor + plan[mail.message]) for mail in sent]
            late += [mail.accepted_at - at for mail, at in meant if not outage.begin <= at <= outage.end]
    return late


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


def _hero(mails: Sequence[Mail], accounts: Mapping[str, str], orders: Sequence[Order]) -> tuple[str, str]:
    """(shop, email) of somebody who was reminded and then bought; else of whoever got the most emails."""
    buyers = {(order.shop, order.email) for order in orders}
    counted = Counter((accounts[m.account], m.to) for m in mails if m.flow == "cart-recovery")
    counted = counted or Counter((accounts[m.account], m.to) for m in mails)
    known = [who for who, _ in counted.most_common() if who in buyers] or list(counted)
    return known[0] if known else ("", "")
