"""One report of what became of a message: what every way of telling it comes to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from connector.brevo import whatsapp_errors
from sync.reports import words

# They may happen again to the same message, so the moment is part of what they are.
_AGAIN = frozenset(
    {
        "message_opened", "message_opened_by_proxy", "message_clicked", "message_soft_bounced", "message_deferred",
        "message_replied", "message_unsubscribed", "message_subscribed", words.OTHER,
    }
)  # fmt: skip
# A time beyond this after the arrival is a mistake; an opt-out that is dated so would outlast every later yes.
_AHEAD = timedelta(days=1)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_MILLISECONDS = 1e10


@dataclass(frozen=True)
class Report:
    """``word``: as Brevo spells it. ``at``: whole seconds. ``address``: an email in lower case, or + and digits.

    ``custom``: our own key of the message, ``tags``: what it was tagged with. ``campaign``: the id of a marketing
    campaign at Brevo, which is no message of ours. ``text``: what was replied. ``detail``: kept with the event.
    """

    channel: str
    word: str
    at: datetime
    address: str | None
    message_id: str = ""
    custom: str | None = None
    tags: tuple[str, ...] = ()
    link: str = ""
    reason: str | None = None
    campaign: str | None = None
    text: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def event(self) -> str:
        """Our name of what happened."""
        found = words.event(self.channel, self.word)
        # Nothing is wrong with the message nor with the number.
        return "message_deferred" if found == "message_error" and self.has_had_enough else found

    @property
    def has_had_enough(self) -> bool:
        """Whether Meta did not deliver because the person gets enough marketing for now."""
        return self.channel == "whatsapp" and whatsapp_errors.meaning(self.reason) is whatsapp_errors.Meaning.WAIT

    @property
    def identity(self) -> str:
        """What names the fact, whoever tells it and in whatever spelling."""
        which = f"campaign {self.campaign}" if self.campaign else self.message_id
        dated = self.event in _AGAIN or not which
        parts = [self.channel, which, self.address or "", self.at.isoformat() if dated else "", self.link]
        if self.event == words.OTHER:
            parts.append(words.spelled(self.word))
        return f"brevo:{':'.join(parts)}"

    def shifted(self, by: timedelta) -> Report:
        """The same, told with another time."""
        return replace(self, at=self.at + by)

    @property
    def may_repeat(self) -> bool:
        """Whether the same may be told of one message twice, with two times."""
        return self.event in _AGAIN


def message_id(value: object) -> str:
    """Brevo's id of a message, which it writes with and without angle brackets, of text messages as a number."""
    return str(value).strip("<> ")[:500] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def moment(candidates: Iterable[float | None], received_at: datetime) -> datetime:
    """The first of these unix times that can be one, in whole seconds; when it was received if none can.

    Seconds or milliseconds: what would be later than the year 2286 in seconds is milliseconds.
    """
    latest = received_at + _AHEAD
    for value in candidates:
        if not value:
            continue
        try:
            found = datetime.fromtimestamp(int(value / 1000 if value >= _MILLISECONDS else value), UTC)
        except (OverflowError, ValueError, OSError):
            continue
        if _EARLIEST <= found <= latest:
            return found
    return received_at.replace(microsecond=0)


def number(value: object) -> str | None:
    """A telephone number as E.164 writes it, from digits with or without + or 00; None when it cannot be one.

    >>> number("0091 80760-01713"), number(918076001713), number("12")
    ('+918076001713', '+918076001713', None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    digits = re.sub(r"\D", "", str(value)[:64]).removeprefix("00")
    return f"+{digits}" if 6 <= len(digits) <= 15 else None


def tags(*values: object) -> tuple[str, ...]:
    """Tags, which Brevo writes as a list, as a JSON string of one, and as plain text; those of the first that has any.

    >>> tags(None, '["a","b"]'), tags(["a"]), tags("a"), tags("")
    (('a', 'b'), ('a',), ('a',), ())
    """
    for value in values:
        if isinstance(value, str) and value.startswith("["):
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                value = [value]
        given = value if isinstance(value, list) else [value]
        found = tuple(one for one in given[:20] if isinstance(one, str) and one and len(one) <= 200)
        if found:
            return found
    return ()
