"""What a channel is: how a message becomes a request, how it is sent, and how an unknown outcome is looked up."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from connector.brevo.client import BrevoAccount
from connector.db.any_row import AnyRow
from connector.deps import Deps
from connector.scope import Scope
from connector.shops import Shop
from flows.content.source import MessageSource

Request = Mapping[str, Any]


# As the store writes a customer's own number. What somebody typed into an address may be any: nobody could tell whose
# answer came back from it.
_NUMBER = re.compile(r"\+[1-9]\d{5,14}", re.ASCII)


def number_of(person: AnyRow) -> str | None:
    """The number, as E.164 writes it, that a row of ``persons`` is texted at; None when there is none."""
    number = person["phone"]
    return number if number and _NUMBER.fullmatch(number) else None


class Withheld(Exception):
    """The channel does not carry this message to this person: not before ``until``, or not at all.

    ``reason`` is one of ``flows.core.reasons.WITHHELD``; ``sentence`` says more, for staff.
    """

    def __init__(self, reason: str, sentence: str, until: datetime | None = None) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
        self.until = until


def as_it_is(address: str) -> str:
    """For whoever shortens no links."""
    return address


@dataclass(frozen=True)
class Letter:
    """One message to one person, ready to be written. ``context`` is flows.content.context's.

    ``recipient``: what the channel's ``address`` found. ``track_opens``: whether it may be recorded that they opened
    it. ``shorten(target)``: the short link of ours that leads there, or the target itself when none may. ``test``: it
    goes to staff, and says so. ``known``: what the channel's ``know`` found.
    """

    shop: Shop
    source: MessageSource
    context: Mapping[str, Any]
    recipient: str
    flow: str
    key: str
    idempotency_key: UUID
    unsubscribe_url: str
    track_opens: bool = False
    shorten: Callable[[str], str] = as_it_is
    test: bool = False
    known: Any = None


def _one_part(request: Request) -> int:
    return 1


def _nothing_to_show(request: Request) -> Mapping[str, Any]:
    return {}


def _nothing_to_prepare(deps: Deps, shop: Shop) -> None:
    """For whoever has all that it needs."""


def _nothing_to_know(scope: Scope, addresses: Collection[str]) -> None:
    """For whoever needs nothing but the letter."""


def _all_suit(connection: Connection, shop_id: int, source: MessageSource) -> Iterable[str]:
    return ()


@dataclass(frozen=True)
class Together:
    """How equal messages leave in one call. ``key(request)``: the same for those that may; ``merged(requests)``: the
    one request for them, which go to different people."""

    key: Callable[[Request], Hashable]
    merged: Callable[[Sequence[Request]], Request]


@dataclass(frozen=True)
class Channel:
    """``write`` raises ContentProblem, Withheld; ``send`` and ``look_up`` raise ProviderError.

    ``address(person)``: where a row of ``persons`` is written to, None when there is nothing. ``about(request)``: what
    the outbox keeps of it, to show staff; ``content(request)``: what its reader sees (connector.sent_contents);
    ``parts(request)``: how many messages the provider bills for it.

    ``send(account, request, leave_by)`` returns the provider's message id; ``leave_by`` is in monotonic seconds.
    ``look_up(account, recipient, key, since, until)`` returns the message id when the provider has a message with
    this outbox key, else None; it is None for a channel of which nobody can be asked. ``repeats``: what the look-up
    does not find was not taken, so it is sent again; else it stays unknown.

    ``answered``: people say no by answering it, so a message waits for what they have said before it leaves.

    ``together``: how several leave in one call, None when each has its own. ``prepare(deps, shop)``: with no
    transaction open, before a batch of them is looked at. ``know(scope, addresses)``: what ``write`` asks of our
    tables, read once for a batch. ``suits(connection, shop_id, source)``: why no message of the shop could be sent like
    this, in sentences, before it is published.
    """

    name: str
    bucket: str
    look_up_bucket: str | None
    address: Callable[[AnyRow], str | None]
    about: Callable[[Request], str]
    write: Callable[[Letter], Request]
    send: Callable[[BrevoAccount, Request, float], str]
    look_up: Callable[[BrevoAccount, str, str, datetime, datetime], str | None] | None
    repeats: bool = False
    answered: bool = False
    parts: Callable[[Request], int] = _one_part
    content: Callable[[Request], Mapping[str, Any]] = _nothing_to_show
    together: Together | None = None
    prepare: Callable[[Deps, Shop], None] = _nothing_to_prepare
    know: Callable[[Scope, Collection[str]], Any] = _nothing_to_know
    suits: Callable[[Connection, int, MessageSource], Iterable[str]] = _all_suit


TEST_MARK = "[Test] "
"""What a message begins with that staff send to themselves."""
