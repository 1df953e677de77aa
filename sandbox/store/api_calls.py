"""Counting the calls of the Admin API in the log, by what was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

# Looking how far a bulk query is.
POLLING = {"bulkOperation", "bulkOperations"}
PAGES = "abandonedCheckouts"


def counted(entries: Iterable[dict[str, Any]], shop: str | None) -> dict[str, Any]:
    """Of a log: `total`, `polling`, `abandoned_checkout_pages`, `others` beside those two, `throttled`, and how often
    each field at the root was asked for. Throttled ones are counted apart from all else: nothing was answered."""
    fields: Counter[str] = Counter()
    found = dict.fromkeys(("total", "polling", "abandoned_checkout_pages", "others", "throttled"), 0)
    for entry in entries:
        if entry["kind"] != "graphql" or shop not in (None, entry["shop"]):
            continue
        if entry.get("refused") == "THROTTLED":
            found["throttled"] += 1
            continue
        asked = entry["fields"]
        fields.update(asked)
        found["total"] += 1
        if asked and set(asked) <= POLLING:
            found["polling"] += 1
        elif PAGES in asked:
            found["abandoned_checkout_pages"] += 1
        else:
            found["others"] += 1
    return {**found, "fields": dict(fields.most_common())}
