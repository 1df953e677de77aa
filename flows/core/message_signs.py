"""What became of somebody's last messages: which were opened, which were clicked, and how many emails in a row.

A row is of emails one after the other as they reached the mailbox, all of them opened. One in between that was not
opened ends it, however late the others are opened; opened late it closes the gap. A click is an open, too. What a mail
program opened by itself is neither: it belongs to no row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.core.behaviour_events import CLICKED, OPENED
from flows.core.model import Event

MOST = 30
"""So many messages are remembered, the newest."""
BY_PROXY = "message_opened_by_proxy"
_FLAGS: Mapping[str, int] = {OPENED: 1, CLICKED: 2, BY_PROXY: 4}
_READ = 1 | 2


@dataclass(frozen=True, slots=True)
class Message:
    """`at`: when it reached the mailbox, in seconds of the epoch, or the first that was heard of it; `flags`: the sum
    of what is known, 1 opened, 2 clicked, 4 opened by a mail program."""

    subject: str
    at: int
    flags: int
    is_email: bool

    @property
    def is_read(self) -> bool:
        return bool(self.flags & _READ)

    def to_json(self) -> list[Any]:
        return [self.subject, self.at, self.flags, self.is_email]


Messages = tuple[Message, ...]
"""By when they reached the mailbox."""


@dataclass(frozen=True, slots=True)
class Heard:
    """`first`: it was the first such word of this message. `row`: how long the row of opened emails is that the message
    belongs to now, and how long the longer part of it was before."""

    messages: Messages
    first: bool
    row: tuple[int, int] | None = None


def from_json(data: Sequence[Sequence[Any]]) -> Messages:
    return tuple(Message(*one) for one in data)


def hear(messages: Messages, event: Event) -> Heard:
    """With what `event`, one of ``behaviour_events.OF_MESSAGES``, tells of a message."""
    flag = _FLAGS.get(event.name, 0)
    at = int(event.occurred_at.timestamp())
    known = next((one for one in messages if one.subject == event.subject), None)
    if known is None:
        now = Message(event.subject, at, flag, event.props.get("channel", "email") == "email")
    else:
        # Word of the delivery may come last.
        now = replace(known, flags=known.flags | flag, at=at if flag == 0 else min(known.at, at))
    rest = [one for one in messages if one is not known]
    every = tuple(sorted([*rest, now], key=lambda one: (one.at, one.subject)))[-MOST:]
    first = bool(flag) and not (known and known.flags & flag)
    begins_reading = now.is_read and not (known and known.is_read)
    return Heard(every, first, _row(every, now) if begins_reading and now.is_email else None)


def _row(messages: Messages, now: Message) -> tuple[int, int]:
    emails = [one for one in messages if one.is_email]
    if now not in emails:
        return 1, 0
    place = emails.index(now)
    before, after = _read(reversed(emails[:place])), _read(emails[place + 1 :])
    return before + 1 + after, max(before, after)


def _read(messages: Any) -> int:
    """How many of these, from the first on, were read."""
    count = 0
    for one in messages:
        if not one.is_read:
            break
        count += 1
    return count


def in_a_row(messages: Messages) -> int:
    """How long the row is that ends with the newest email that was opened; 0 when none was."""
    emails = [one for one in messages if one.is_email]
    while emails and not emails[-1].is_read:
        emails.pop()
    return _read(reversed(emails))


def both(one: Messages, other: Messages) -> Messages:
    """Those of two people who are one."""
    found = {message.subject: message for message in one}
    for message in other:
        known = found.get(message.subject)
        found[message.subject] = (
            message
            if known is None
            else replace(known, flags=known.flags | message.flags, at=min(known.at, message.at))
        )
    return tuple(sorted(found.values(), key=lambda one: (one.at, one.subject)))[-MOST:]
