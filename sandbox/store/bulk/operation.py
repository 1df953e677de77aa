"""One bulk query: how far it is, and the file that it fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO

UNDER_WAY = ("created", "running", "canceling")


@dataclass(eq=False)
class Operation:
    """`state` as the platform's statuses, in lower case. `created_at` and `completed_at` are business time, `began` and
    `expires_at` wire time; `objects_per_second` bounds what is told of its progress. The shop's lock guards it."""

    id: int
    name: str
    query: str
    root: str
    group_objects: bool
    created_at: float
    began: float
    objects_per_second: float
    state: str = "created"
    error_code: str | None = None
    completed_at: float | None = None
    objects: int = 0
    root_objects: int = 0
    file_size: int | None = None
    # Until then the link of its file works; None while there is nothing to link to.
    expires_at: float | None = None
    link: str | None = None
    # Without a name on the disk, so that nothing is left of it however the process ends.
    file: IO[bytes] = field(default_factory=TemporaryFile, repr=False)

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    def told(self, count: int, wire: float) -> int:
        """How much of `count` is told: an operation takes its time, however fast its records were written."""
        return min(count, int((wire - self.began) * self.objects_per_second)) if self.under_way else count

    def state_at(self, wire: float) -> str:
        """`expired` once the link of a completed one has run out."""
        over = self.expires_at is not None and wire > self.expires_at
        return "expired" if over and self.state == "completed" else self.state

    def url(self, wire: float) -> str | None:
        """The link of a whole file, and of what a cancelled operation had written, as recorded of the platform."""
        return self._open_link(wire) if self.state in ("completed", "canceled") else None

    def partial_url(self, wire: float) -> str | None:
        return self._open_link(wire) if self.state == "failed" else None

    def _open_link(self, wire: float) -> str | None:
        return self.link if self.expires_at is not None and wire <= self.expires_at else None
