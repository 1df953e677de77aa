"""What a channel is: how a message becomes a request, how it is sent, and how an unknown outcome is looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from connector.brevo.client import BrevoAccount
from connector.shops import Shop
from flows.content.source import MessageSource

Request = Mapping[str, Any]


@dataclass(frozen=True)
class Letter:
    """One message to one person, ready to be written. ``context`` is flows.content.context's.

    ``track_opens``: whether it may be recorded that they opened it.
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


@dataclass(frozen=True)
class Channel:
    """``write`` raises ContentProblem; ``send`` and ``look_up`` raise ProviderError.

    ``send(account, request, leave_by)`` returns the provider's message id; ``leave_by`` is in monotonic seconds.
    ``look_up(account, recipient, key, since, until)`` returns the message id when the provider has a message with
    this idempotency key, else None; it is None for a channel that cannot tell, whose messages are never repeated.
    """

    name: str
    bucket: str
    look_up_bucket: str | None
    write: Callable[[Letter], Request]
    send: Callable[[BrevoAccount, Request, float], str]
    look_up: Callable[[BrevoAccount, str, UUID, datetime, datetime], str | None] | None
