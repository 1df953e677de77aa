"""What two people who are one agreed to: ``sync.consent`` decides on all that was ever said of either."""

from __future__ import annotations

from sync import consent
from sync.merging.merge import Merge


def together(merge: Merge) -> int:
    """The lines of the ledger follow, and each consent is what all of them come to."""
    return consent.merge(merge.scope, merge.kept, merge.gone)
