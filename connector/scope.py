"""What every write of one transition shares: the connection, the shop and the two times, taken once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from connector.settings import Settings
from connector.shops import Shop


@dataclass(frozen=True)
class Scope:
    """One transaction's surroundings. ``now`` is business time, ``machine`` real time."""

    connection: Connection
    shop: Shop
    now: datetime
    machine: datetime
    settings: Settings

    @property
    def shop_id(self) -> int:
        return self.shop.id
