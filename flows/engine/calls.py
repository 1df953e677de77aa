"""Which messages of a batch leave in one call: of a channel that can carry several, those that are equal."""

from __future__ import annotations

from collections.abc import Hashable

from connector.db.any_row import AnyRow
from connector.errors import Retry
from flows.channels.channel import Channel, Request


class RefusedTogether(Retry):
    """The provider refused a call to several people, and may have meant one of them: each is tried alone."""


def _alone(row: AnyRow) -> bool:
    return bool(row["reason"]) and row["reason"].startswith(RefusedTogether.__name__)


class Calls:
    """At most ``most`` calls, filled as messages are claimed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._recipients: list[set[str]] = []
        self._open: dict[Hashable, int] = {}

    def place(self, channel: Channel, row: AnyRow, request: Request, recipient: str) -> int | None:
        """The number of the call that carries this message; None when there is none left for it.

        ``row``: of the outbox. Two people with one number never share a call: whether it gets there twice then, and
        whose report it is, nobody could tell.
        """
        shared = None if channel.together is None or _alone(row) else channel.together.key(request)
        if shared is not None:
            number = self._open.get(shared)
            if number is not None and recipient not in self._recipients[number]:
                self._recipients[number].add(recipient)
                return number
        if len(self._recipients) >= self._most:
            return None
        self._recipients.append({recipient})
        number = len(self._recipients) - 1
        if shared is not None:
            self._open[shared] = number
        return number
