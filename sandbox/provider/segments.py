"""Segments: made in the provider's application, read-only through its API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.provider import moments
from sandbox.provider.contacts import Contact, matches
from sandbox.provider.wire import Answer, Call, Route


@dataclass(frozen=True)
class Segment:
    """`condition` is written as the `filter` of GET /contacts; without one everybody is in the segment."""

    id: int
    name: str
    category: str
    condition: str | None
    updated_at: float

    def holds(self, contact: Contact) -> bool:
        return self.condition is None or matches(contact, self.condition)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "segmentName": self.name,
            "categoryName": self.category,
            "updatedAt": moments.api(self.updated_at),
        }


def list_segments(call: Call) -> Answer:
    with call.account.lock:
        rows = [segment.as_json() for segment in call.account.segments]
    return Answer(200, {"segments": call.sorted_page(rows, 10, 50), "count": len(rows)})


ROUTES = [Route("GET", "/contacts/segments", list_segments)]
