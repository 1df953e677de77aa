"""The flows of a shop as if one more version was published and active."""

from __future__ import annotations

from sqlalchemy import Connection

from flows.engine.book import Book, Published


class TrialBook(Book):
    """The shop's book with ``tried`` in it, in place of the version that people enter now."""

    def __init__(self, connection: Connection, shop_id: int, tried: Published) -> None:
        # Whoever reads the others asks for what is published.
        self._tried, flow = tried, tried.flow
        super().__init__(connection, shop_id)
        self._digests[flow.flow, flow.version] = ""
        others = (one for one in self.active if one.flow != flow.flow)
        self.active = tuple(sorted((*others, flow), key=lambda one: (-one.priority, one.flow)))

    def published(self, flow: str, version: int) -> Published:
        tried = self._tried
        return tried if (flow, version) == (tried.flow.flow, tried.flow.version) else super().published(flow, version)

    def paused(self, flow: str) -> bool:
        return flow != self._tried.flow.flow and super().paused(flow)

    def left_to_brevo(self, flow: str) -> bool:
        return flow != self._tried.flow.flow and super().left_to_brevo(flow)
