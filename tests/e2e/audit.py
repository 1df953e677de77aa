"""Checks over the platforms' own logs: what was sent twice, what is missing, what was lost, what left too late.

Pure: logs in, sentences out; an empty list means that nothing is wrong. Times are real unix seconds as the
platforms and the poster of webhooks noted them on one machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Entry = Mapping[str, Any]
# (account, address, flow, message)
Letter = tuple[str, str, str, str]


@dataclass(frozen=True)
class Mail:
    """One email that the provider accepted. ``key`` is its X-Mailin-custom: run, step and visit."""

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
