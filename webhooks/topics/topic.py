"""What a webhook topic is: its name, its lane, the shape of its payload and what it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from marshmallow import Schema

from connector.scope import Scope

Lane = Literal["commerce", "other"]


@dataclass(frozen=True)
class Delivery:
    """What came with the payload. ``triggered_at``: the sender's own time of the delivery, if it told one."""

    topic: str
    external_id: str
    received_at: datetime
    triggered_at: datetime | None

    @property
    def happened_at(self) -> datetime:
        """When it happened, for payloads that do not say."""
        return self.triggered_at or self.received_at


@dataclass(frozen=True)
class Topic:
    """``apply(scope, payload, delivery)`` runs in the normalising transaction: bytes only, no network.

    ``lane`` is ``commerce`` for what may have to stop a message (orders, checkouts, consent). ``after_removal``: it is
    applied for a shop that has removed the app too; all else is then of no concern any more.
    """

    source: Literal["shopify", "brevo", "api"]
    name: str
    lane: Lane
    schema: type[Schema]
    apply: Callable[[Scope, Mapping[str, Any], Delivery], None]
    after_removal: bool = False
