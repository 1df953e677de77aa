"""What is left when a storm is over: what the platforms saw, and what the product says became of everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.e2e import audit
from tests.e2e.platforms import Platforms, account_of
from tests.e2e.trade import due_letters

# Machine seconds from the 2xx for an order or an opt-out until the last email may begin to leave.
PROMISE = 1.0
ENDS = frozenset({"done", "ignored", "poison", "quarantined"})
FLOWS = ("welcome", "cart-recovery")
# What ends both flows: what somebody did at the store, and the topic that tells it.
_ENDINGS = {"complete_checkout": "orders/create", "set_consent": "customers_email_marketing_consent/update"}

Rows = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Aftermath:
    """``excused``: emails that the product decided not to send, with the reason; ``ended``: see ``audit.too_late``;
    ``needless``: events that may be missing; ``unfinished``: what of the product's own books is not as it must be when
    nothing is left to do; ``codes_known``, ``codes_made``: discount codes (shop, code), here and at the store."""

    store_log: list[audit.Entry]
    provider_log: list[audit.Entry]
    sent: list[audit.Mail]
    wanted: Collection[audit.Letter]
    excused: Mapping[audit.Letter, str]
    outbox: Mapping[str, str]
    processed: Collection[str]
    reports_lost: int
    ended: Mapping[tuple[str, str], float]
    accounts: Mapping[str, str]
    contacts: Mapping[tuple[str, str], audit.Entry]
    customers: Mapping[tuple[str, str], audit.Entry]
    events: Mapping[tuple[str, str, str], str]
    needless: Collection[tuple[str, str, str]]
    unfinished: Collection[str]
    codes_known: Collection[tuple[str, str]]
    codes_made: Collection[tuple[str, str]]

    @classmethod
    def read(cls, platforms: Platforms, rows: Rows, *, within: float = 0.0) -> Aftermath:
        """``rows``: asks the product's database; ``within``: business seconds that an email may take."""
        store_log = platforms.store("log")["entries"]
        provider_log = platforms.provider("log?bodies=0")["entries"]
        shops = platforms.store("state")["shops"]
        # Put off with a reason: for the hours of the night, say.
        state = f"CASE WHEN state = 'due' AND due_at > to_timestamp({platforms.now}) THEN 'deferred' ELSE state END"
        handled = [(source, key) for source, key, state in rows(_INBOX) if state in ENDS]
        reported = sum(entry["kind"] == "webhook" and entry["outcome"] == "ok" for entry in provider_log)
        told = sum(source == "brevo" for source, _ in handled)
        return cls(
            store_log=store_log,
            provider_log=provider_log,
            sent=audit.mails(provider_log),
            wanted=due_letters(shops, platforms.now, within),
            excused={
                (account_of(shop), email, flow, message): f"{ended}: {reason}"
                for shop, email, flow, message, ended, reason in rows(_NOT_SENT.format(state=state))
            },
            outbox=dict(rows(f"SELECT key, {state} FROM outbox WHERE message <> ''")),
            codes_known=frozenset(rows("SELECT shops.domain, code FROM coupons JOIN shops ON shops.id = shop_id")),
            codes_made=frozenset(
                (shop, code) for shop, state in shops.items() for one in state["discounts"] for code in one["codes"]
            ),
            processed={key for source, key in handled if source == "shopify"},
            reports_lost=max(0, reported - told),
            ended=_ended(store_log),
            accounts={domain_of(shop): account_of(shop) for shop in shops},
            contacts=_contacts(platforms),
            customers={
                (account_of(shop), customer["email"]): customer
                for shop, state in shops.items()
                for customer in state["customers"]
            },
            events=_events(shops),
            needless=begun_when_over(store_log),
            unfinished=[f"{what}: {count}" for what, query in _BOOKS.items() if (count := rows(query)[0][0])],
        )

    def problems(self) -> list[str]:
        """Everything that must not be, one sentence each."""
        said = audit.lost(self.store_log, self.processed)
        said += audit.duplicates(self.sent)
        said += audit.missing(self.sent, set(self.wanted) - set(self.excused))
        said += audit.unaccounted(self.sent, self.outbox)
        said += audit.too_late(self.sent, self.ended, PROMISE)
        said += audit.astray(self.provider_log, self.accounts)
        said += audit.contact_faults(self.contacts, self.customers)
        said += audit.event_faults(self.provider_log, self.events, self.needless)
        if set(self.codes_known) != set(self.codes_made):
            odd = sorted(set(self.codes_known) ^ set(self.codes_made))
            said.append(f"{len(odd)} discount codes are known to one side only: {odd[:3]}")
        if self.reports_lost:
            said.append(f"{self.reports_lost} reports of the provider are lost")
        return [*said, *self.unfinished]

    @property
    def spoilt(self) -> float:
        """The share of calls at the provider that something went wrong with."""
        calls = [entry for entry in self.provider_log if entry["kind"] == "request"]
        return sum(bool(entry.get("fault")) for entry in calls) / len(calls)

    @property
    def reasons(self) -> Counter[str]:
        """Why emails that were due were not sent."""
        return Counter(self.excused[letter] for letter in set(self.wanted) & set(self.excused))


def domain_of(shop: str) -> str:
    """The domain of the addresses of this shop's people."""
    return f"{shop.partition('.')[0]}.example"


_INBOX = "SELECT source, external_id, state FROM inbox"
_NOT_SENT = (
    "SELECT shops.domain, persons.email, message.flow, message.message, message.ended, message.reason"
    " FROM (SELECT *, {state} AS ended FROM outbox) AS message"
    " JOIN persons ON persons.shop_id = message.shop_id AND persons.id = message.person_id"
    " JOIN shops ON shops.id = message.shop_id"
    " WHERE message.ended IN ('skipped', 'failed', 'deferred') AND message.reason IS NOT NULL"
)
# Each counts what is not as it must be when nothing is left to do.
_BOOKS = {
    "live runs that nothing will wake": (
        "SELECT count(*) FROM runs WHERE state = 'live'"
        " AND NOT EXISTS (SELECT 1 FROM timers WHERE timers.shop_id = runs.shop_id AND owner = runs.id::text)"
        " AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.shop_id = runs.shop_id AND run_id = runs.id"
        " AND outbox.state IN ('due', 'leased', 'unknown'))"
    ),
    "people with two codes of one flow": (
        "SELECT count(*) FROM (SELECT 1 FROM coupons WHERE run_id IS NOT NULL GROUP BY shop_id, run_id"
        " HAVING count(*) > 1) AS twice"
    ),
    "people who entered the welcome twice": (
        "SELECT count(*) FROM (SELECT 1 FROM runs WHERE flow = 'welcome' GROUP BY shop_id, person_id"
        " HAVING count(*) > 1) AS twice"
    ),
    "subscribers without welcome and without a reason": (
        "SELECT count(*) FROM consents WHERE purpose = 'newsletter' AND state = 'subscribed' AND NOT EXISTS (SELECT 1"
        " FROM runs WHERE runs.shop_id = consents.shop_id AND runs.person_id = consents.person_id AND flow = 'welcome')"
        " AND NOT EXISTS (SELECT 1 FROM trail WHERE trail.shop_id = consents.shop_id"
        " AND trail.person_id = consents.person_id AND trail.flow = 'welcome')"
    ),
    "ledger entries of messages that were not sent": (
        "SELECT count(*) FROM send_ledger WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.shop_id ="
        " send_ledger.shop_id AND outbox.id = send_ledger.outbox_id AND state = 'sent')"
    ),
    "messages sent without a ledger entry": (
        "SELECT count(*) FROM outbox WHERE state = 'sent' AND message <> '' AND NOT EXISTS (SELECT 1 FROM send_ledger"
        " WHERE send_ledger.shop_id = outbox.shop_id AND send_ledger.outbox_id = outbox.id)"
    ),
    "wishes, records and events left": (
        "SELECT (SELECT count(*) FROM fetches WHERE state IN ('due', 'leased'))"
        " + (SELECT count(*) FROM sync_state WHERE state <> 'done' AND state <> 'failed')"
        " + (SELECT count(*) FROM feed WHERE state IN ('due', 'leased'))"
    ),
}


def _ended(store_log: list[audit.Entry]) -> dict[tuple[str, str], float]:
    who = {
        (entry["event_id"], _ENDINGS[entry["action"]]): entry["email"]
        for entry in store_log
        if entry["kind"] == "action" and entry["action"] in _ENDINGS
    }
    ended: dict[tuple[str, str], float] = {}
    for entry in store_log:
        email = who.get((entry.get("event_id"), entry.get("topic"))) if entry["kind"] == "acknowledged" else None
        for flow in FLOWS if email else ():
            ended[email, flow] = min(entry["real"], ended.get((email, flow), entry["real"]))
    return ended


def _contacts(platforms: Platforms) -> dict[tuple[str, str], audit.Entry]:
    accounts = platforms.provider("state")["accounts"]
    return {(key, one["email"]): one for key, found in accounts.items() for one in found["contacts"] if "email" in one}


def _events(shops: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
    """What the provider must have been told: each checkout, each order."""
    wanted = {}
    for shop, state in shops.items():
        account = account_of(shop)
        wanted |= {(account, "checkout_started", one["token"]): one["email"] for one in state["checkouts"]}
        wanted |= {(account, "order_placed", str(one["id"])): one["email"] for one in state["orders"]}
    return wanted


def begun_when_over(store_log: Sequence[audit.Entry]) -> set[tuple[str, str, str]]:
    """Beginnings of checkouts that the product may have heard of, for the first time, when it had heard of their ends:
    of these the provider need not be told. An end may have been heard as soon as it was sent, whatever became of the
    answer; of two deliveries that are under way at once either may be stored first (test_begun_when_over.py)."""
    ends = {
        entry["event_id"]: entry["checkout_token"]
        for entry in store_log
        if entry["kind"] == "action" and entry["action"] == "complete_checkout"
    }
    begun: dict[tuple[str, str, str], float] = {}
    ended: dict[tuple[str, str, str], float] = {}
    for entry in store_log:
        if entry["kind"] not in ("acknowledged", "attempt"):
            continue
        about, _, token = entry["object_id"].partition("/")
        # What else a sale brings with it, as news of the buyer, tells of no end.
        if about not in ("checkout", "order"):
            continue
        begins = (about, entry["topic"]) == ("checkout", "checkouts/create")
        if begins != (entry["kind"] == "acknowledged"):
            continue
        key = (account_of(entry["shop"]), "checkout_started", token if begins else ends.get(entry["event_id"], ""))
        heard, at = (begun, entry["real"]) if begins else (ended, entry["began"])
        heard[key] = min(at, heard.get(key, at))
    return {key for key, at in begun.items() if at > ended.get(key, at)}
