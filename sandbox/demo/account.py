"""The account of a demo: counted at the two simulated platforms, not in the product's own tables.

What the store acknowledged and what the provider accepted are the platforms' logs; the product is asked only what
became of each delivery.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sandbox.demo import codes, texts
from sandbox.demo.drive import STEP
from sandbox.demo.outage import Outage
from sandbox.demo.purchases import Entry, Order, orders_in
from sandbox.demo.stage import Stage

HOUR, DAY = 3600.0, 86400.0
# When each message of the two flows that a shop begins with is meant to leave, counted from what started the clock.
CART = {
    "reminder": HOUR,
    "second-look": DAY,
    "incentive": 2 * DAY,
    "incentive-urgency": 2 * DAY,
    "any-questions": 2 * DAY,
    "last-chance": 3 * DAY,
}
WELCOME = {"hello": 0.0, "story": 2 * DAY, "favourites": 4 * DAY, "guide": 6 * DAY, "last-call": 8 * DAY}
PLANS = {"cart-recovery": CART, "welcome": WELCOME}
# With these a flow is at its end.
LAST = {
    "welcome": {"last-call"},
    "cart-recovery": {"last-chance"},
    "post-purchase": {"cross-sell", "cross-sell-again", "loyalty"},
    "win-back": {"cleaning-our-list"},
}


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


def draw_up(
    stage: Stage,
    shops: Sequence[str],
    outage: Outage,
    became: Mapping[str, Mapping[str, str]],
    *,
    days: float,
    wall_seconds: float,
) -> Account:
    """Count everything. ``became``: {source: {delivery: the state in which the product had it when last asked}}. Times
    in the figures are minutes of business time and seconds of real time.
    """
    provider = stage.get(f"{stage.provider_url}/_control/log")["entries"]
    journal = stage.get(f"{stage.store_url}/_control/log")["entries"]
    state = stage.get(f"{stage.store_url}/_control/state")["shops"]
    accounts = {f"demo-key-{number}": shop for number, shop in enumerate(shops)}
    mails = [_mail(entry) for entry in provider if entry["kind"] == "email"]
    acknowledged = {entry["webhook_id"] for entry in journal if entry["kind"] == "acknowledged"}
    reports = [e for e in provider if e["kind"] == "webhook" and e["outcome"] == "ok"]
    processed = {
        source: {one for one, state in found.items() if state not in ("new", "retry")}
        for source, found in became.items()
    }
    orders = orders_in(journal, state)
    sent_texts = texts.texts_in(stage, provider, accounts)
    shown = [codes.Shown(accounts[m.account], m.to, m.run, m.html) for m in mails]
    carts = [Cart(shop, checkout, journal) for shop in shops for checkout in state[shop]["checkouts"]]
    bought = [(order.shop, order.placed_at) for order in orders if _was_due_for_a_code(order, carts)]
    begun = {mail.run: mail.first_byte_at for mail in sorted(mails, key=lambda one: -one.first_byte_at)}
    late = _lateness(mails, accounts, carts, journal, outage)
    figures = {
        "webhooks_acknowledged": len(acknowledged) + len(reports),
        "webhooks_processed": sum(len(ids) for ids in processed.values()),
        "lost": len(acknowledged - processed["shopify"]) + max(0, len(reports) - len(processed["brevo"])),
        "contacts": sum(e["kind"] == "request" and _created(e) for e in provider),
        "provider_calls": sum(entry["kind"] == "request" for entry in provider),
        "emails_accepted": len(mails),
        "emails_by_message": dict(sorted(Counter(f"{m.flow}/{m.message}" for m in mails).items())),
        **{f"people_at_the_end_of_{flow}": _at_the_end(mails, flow) for flow in LAST},
        "checkouts_abandoned": sum(cart.abandoned for cart in carts),
        "checkouts_recovered": sum(cart.recovered for cart in carts),
        "emails_after_purchase": sum(_after_purchase(m, accounts[m.account], carts, orders, begun) for m in mails),
        "duplicate_emails": _duplicates(mails),
        **texts.figures(sent_texts, orders),
        **codes.figures(codes.codes_in(state), shown, bought, lambda moment: outage.unheard_since(moment, STEP)),
        "simulated_days": days,
        "lateness_p95_minutes": round(_percentile(late, 0.95) / 60, 2),
        "lateness_measured_on": len(late),
        "wall_seconds": round(wall_seconds, 1),
    }
    owners = {(shop, c["phone"]): c["email"] for shop in shops for c in state[shop]["customers"] if c["phone"]}
    texted = {(text.shop, owners[text.shop, f"+{text.to}"]) for text in sent_texts}
    return Account(figures, _hero(mails, accounts, orders, texted))


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


def _about(mail: Mail, shop: str, carts: Sequence[Cart]) -> Cart | None:
    """The checkout that a cart email links to."""
    tokens = set(re.findall(r"[0-9a-f]{16,}", mail.html))
    return next((c for c in carts if c.shop == shop and c.token in tokens), None)


def _after_purchase(
    mail: Mail, shop: str, carts: Sequence[Cart], orders: Sequence[Order], begun: Mapping[str, float]
) -> bool:
    """Whether this email left more than the promised second after an order that ends its flow was acknowledged.
    ``begun``: {run: real seconds of its first email}: who is won back has bought before."""
    cart = _about(mail, shop, carts) if mail.flow == "cart-recovery" else None
    for order in orders:
        if not order.forbids(shop, mail.first_byte_at):
            continue
        if cart is not None and order.checkout_token == cart.token:
            return True
        if order.email == mail.to and (
            mail.flow == "welcome" or mail.flow == "win-back" and order.acknowledged_at > begun[mail.run]
        ):
            return True
    return False


def _at_the_end(mails: Sequence[Mail], flow: str) -> int:
    """How many people got the last message of the flow."""
    return len({(mail.account, mail.to) for mail in mails if mail.flow == flow and mail.message in LAST[flow]})


def _was_due_for_a_code(order: Order, carts: Sequence[Cart]) -> bool:
    """Whether this order completes a cart that was left until the third message."""
    cart = next((c for c in carts if c.shop == order.shop and c.token == order.checkout_token), None)
    return cart is not None and order.placed_at - max(cart.edits) >= CART["incentive"] - STEP


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
        if mail.flow in PLANS:
            runs[mail.run].append(mail)
    late = []
    for sent in runs.values():
        first = min(sent, key=lambda mail: mail.accepted_at)
        shop = accounts[first.account]
        if first.flow == "cart-recovery":
            cart = _about(first, shop, carts)
            starts = [at + CART["reminder"] for at in cart.edits] if cart else []
            back = CART["reminder"]
        else:
            starts, back = consents[(shop, first.to)], 0.0
        before = [at for at in starts if at <= first.accepted_at]
        if before:
            anchor = max(before) - back
            meant = [(mail, anchor + PLANS[mail.flow][mail.message]) for mail in sent]
            late += [mail.accepted_at - at for mail, at in meant if not outage.begin <= at <= outage.end]
    return late


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


def _hero(
    mails: Sequence[Mail], accounts: Mapping[str, str], orders: Sequence[Order], texted: Set[tuple[str, str]]
) -> tuple[str, str]:
    """(shop, email) of somebody who was reminded, by text as well if there is one, and then bought; else of whoever got
    the most emails."""
    buyers = {(order.shop, order.email) for order in orders}
    counted = Counter((accounts[m.account], m.to) for m in mails if m.flow == "cart-recovery")
    counted = counted or Counter((accounts[m.account], m.to) for m in mails)
    known = sorted(counted, key=lambda who: (who in buyers, who in texted, counted[who]), reverse=True)
    return known[0] if known else ("", "")
