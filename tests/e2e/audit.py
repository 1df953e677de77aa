"""Checks over the platforms' own logs: what was sent twice, what is missing, what was lost, what left too late or to
the wrong account, what was told otherwise than it is.

Pure: logs in, sentences out; an empty list means that nothing is wrong. Times are real unix seconds as the
platforms and the poster of webhooks noted them on one machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

DAY = 86400.0

Entry = Mapping[str, Any]
# (account, address, flow, message)
Letter = tuple[str, str, str, str]


@dataclass(frozen=True)
class Mail:
    """One email that the provider accepted. ``key`` is its X-Mailin-custom: run, step and visit.

    ``first_byte_at`` is real time, ``accepted_at`` business time.
    """

    account: str
    to: str
    flow: str
    message: str
    key: str
    first_byte_at: float
    accepted_at: float

    @property
    def letter(self) -> Letter:
        return (self.account, self.to, self.flow, self.message)


def mails(provider_log: Iterable[Entry]) -> list[Mail]:
    """The accepted emails of a provider's log, in its order."""
    found = []
    for entry in provider_log:
        if entry["kind"] == "email":
            flow, message = (*entry["tags"], "", "")[:2]
            times = entry["first_byte_at"], entry["accepted_at"]
            found.append(Mail(entry["account"], entry["to"], flow, message, entry["custom"] or "", *times))
    return found


def duplicates(sent: Sequence[Mail]) -> list[str]:
    """Whoever got the same email twice: by our key, and by what a recipient sees."""
    keys = Counter((mail.account, mail.key) for mail in sent)
    letters = Counter(mail.letter for mail in sent)
    said = [f"{key} was sent {count} times" for key, count in keys.items() if count > 1]
    return said + [f"{letter} arrived {count} times" for letter, count in letters.items() if count > 1]


def missing(sent: Sequence[Mail], wanted: Collection[Letter]) -> list[str]:
    """Whoever should have got an email and did not."""
    return [f"{letter} never arrived" for letter in sorted(set(wanted) - {mail.letter for mail in sent})]


def lost(store_log: Iterable[Entry], processed: Collection[str]) -> list[str]:
    """Webhooks that were acknowledged and not processed; ``processed`` are webhook ids."""
    acknowledged = {entry["webhook_id"]: entry["topic"] for entry in store_log if entry["kind"] == "acknowledged"}
    return [f"{topic} {id} is lost" for id, topic in acknowledged.items() if id not in processed]


@dataclass(frozen=True)
class Races:
    """Cart emails against orders. ``margins``: first byte minus acknowledgement of those that left, in seconds."""

    before: int
    within: int
    skipped: int
    margins: Sequence[float]

    @property
    def count(self) -> int:
        return self.before + self.within + self.skipped

    @property
    def worst(self) -> float:
        return max(self.margins, default=float("-inf"))

    def too_late(self, promise: float) -> list[float]:
        """Margins beyond the promise: emails that left so long after the order was acknowledged."""
        return [margin for margin in self.margins if margin > promise]


def races(sent: Sequence[Mail], acknowledged: Mapping[str, float]) -> Races:
    """``acknowledged``: address -> when its order's webhook got its 2xx. Each address has one cart."""
    margins = [
        mail.first_byte_at - acknowledged[mail.to]
        for mail in sent
        if mail.flow == "cart-recovery" and mail.to in acknowledged
    ]
    reached = {mail.to for mail in sent if mail.flow == "cart-recovery"}
    before = sum(margin <= 0 for margin in margins)
    return Races(before, len(margins) - before, len(set(acknowledged) - reached), margins)


# --- what the product says, against what the provider saw


def unaccounted(sent: Sequence[Mail], outbox: Mapping[str, str]) -> list[str]:
    """As with a queue: what was taken in comes out once. ``outbox``: key of a message -> its state.

    Lost is what the product calls sent and the provider never had, unexpected what the provider had and the
    product does not call sent. A state that is none of the ends is a message that nobody looks after any more.
    """
    had = {mail.key for mail in sent}
    said = [f"{key} is called sent and never arrived" for key in sorted(_in_state(outbox, "sent") - had)]
    said += [
        f"{key} arrived and is called {outbox.get(key, 'nothing')}" for key in sorted(had - _in_state(outbox, "sent"))
    ]
    ends = {"sent", "skipped", "failed", "deferred"}
    return said + [f"{key} is {state} for ever" for key, state in sorted(outbox.items()) if state not in ends]


def _in_state(outbox: Mapping[str, str], state: str) -> set[str]:
    return {key for key, found in outbox.items() if found == state}


# --- what must not leave


def too_late(sent: Iterable[Mail], ended: Mapping[tuple[str, str], float], promise: float) -> list[str]:
    """Emails that began to leave longer than ``promise`` seconds after their person's flow had ended.

    ``ended``: (address, flow) -> real time at which the store got its 2xx for what ended it.
    """
    late = [(mail, mail.first_byte_at - ended[mail.to, mail.flow]) for mail in sent if (mail.to, mail.flow) in ended]
    return [f"{mail.letter} left {after:.2f} s after its end" for mail, after in late if after > promise]


def at_night(sent: Iterable[Mail], start: time, end: time, zone: str) -> list[str]:
    """Emails accepted between ``start`` in the evening and ``end`` in the morning of ``zone``."""
    said = []
    for mail in sent:
        at = datetime.fromtimestamp(mail.accepted_at, UTC).astimezone(ZoneInfo(zone))
        if at.time() >= start or at.time() < end:
            said.append(f"{mail.letter} came at {at:%H:%M}")
    return said


def above_cap(sent: Iterable[Mail], limited: Collection[str], count: int, days: float) -> list[str]:
    """Emails of ``limited`` flows that came when the person had had ``count`` emails in the ``days`` before."""
    came: dict[tuple[str, str], list[float]] = {}
    said = []
    for mail in sorted(sent, key=lambda mail: mail.accepted_at):
        before = came.setdefault((mail.account, mail.to), [])
        recent = sum(at > mail.accepted_at - days * DAY for at in before)
        if mail.flow in limited and recent >= count:
            said.append(f"{mail.letter} is number {recent + 1} in {days:g} days")
        before.append(mail.accepted_at)
    return said


def astray(provider_log: Iterable[Entry], account_of: Mapping[str, str]) -> list[str]:
    """Emails, contacts and events at another account than the one of the person's shop.

    ``account_of``: the domain of an address -> the account.
    """
    said = []
    for entry in provider_log:
        address = entry.get("to") or (entry.get("identifiers") or {}).get("email_id") or ""
        if entry["kind"] in ("email", "event") and account_of.get(address.partition("@")[2]) != entry["account"]:
            said.append(f"{entry['kind']} for {address} at {entry['account']}")
    return said


# --- effects of what happened, however often it was told


def event_faults(
    provider_log: Iterable[Entry],
    wanted: Mapping[tuple[str, str, str], str],
    needless: Collection[tuple[str, str, str]] = (),
) -> list[str]:
    """Events that never arrived, that arrived as two facts, or that nothing at the store stands behind.

    ``wanted``: (account, event name, what it is about) -> the person's address; those of them that are ``needless`` may
    be missing. One fact may arrive twice: the provider knows no idempotency for events, so ours carry the fact's id.
    """
    names = {name for _, name, _ in wanted}
    facts: dict[tuple[str, str, str], set[str]] = {}
    for entry in provider_log:
        if entry["kind"] == "event" and entry["name"] in names:
            told = entry["properties"]
            about = str(told.get("checkout_token") or told.get("order_id") or "")
            facts.setdefault((entry["account"], entry["name"], about), set()).add(told["event_id"])
    said = [f"{key} never arrived" for key in sorted(set(wanted) - set(facts) - set(needless))]
    said += [f"{key} arrived and never happened" for key in sorted(set(facts) - set(wanted))]
    return said + [f"{key} arrived as {len(ids)} facts" for key, ids in sorted(facts.items()) if len(ids) > 1]


def contact_faults(told: Mapping[tuple[str, str], Entry], customers: Mapping[tuple[str, str], Entry]) -> list[str]:
    """Contacts that differ from the store's customers. Both are by (account, address); a customer has ``id`` and
    ``consent``, a contact is as the provider tells it."""
    said = [f"{key} is no contact" for key in sorted(set(customers) - set(told))]
    for key in sorted(set(customers) & set(told)):
        customer, contact = customers[key], told[key]
        if contact["attributes"].get("EXT_ID") != str(customer["id"]):
            said.append(f"{key} is contact {contact['attributes'].get('EXT_ID')}")
        if contact["emailBlacklisted"] != (customer["consent"] == "unsubscribed"):
            said.append(f"{key} is {customer['consent']} and emailBlacklisted={contact['emailBlacklisted']}")
    return said
