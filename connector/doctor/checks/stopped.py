"""No work has stopped that somebody would have to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from sqlalchemy import text

from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import ConnectedShop

_EXAMPLES = 5
_MOST = 1000
_RECENT = timedelta(days=7)

# (table, id, which rows) -> (what they are, what to do).
_KINDS: Mapping[tuple[str, str, str], tuple[str, str]] = {
    ("inbox", "id", "state = 'quarantined'"): (
        "deliveries are of another shape than their topic declares",
        "`connector inbox show ID` names the field; after a fix `connector inbox replay --state quarantined`.",
    ),
    ("inbox", "id", "state = 'poison'"): (
        "deliveries are unreadable or failed too often",
        "`connector inbox show ID` says why; after a fix `connector inbox replay ID`.",
    ),
    ("outbox", "id", "state = 'failed' AND created_at > :since"): (
        "messages of the last week were refused by Brevo",
        "Their reason is in the story of the person: `connector person SHOP EMAIL`.",
    ),
    ("fetches", "remote_id", "state = 'failed'"): (
        "objects could not be read from the store",
        "Their reason is in the table fetches; the next webhook about them asks again.",
    ),
    ("sync_state", "entity_id", "state = 'failed'"): (
        "contacts, orders or products are refused by Brevo as they are",
        "Their reason is in the table sync_state; the next change of them is sent again.",
    ),
    ("privacy_requests", "id", "(state = 'ready' OR state IN ('due', 'leased') AND attempts > 0)"): (
        "requests that the law gives 30 days for wait for you or for Brevo",
        "`connector privacy list --shop SHOP --open` says for what; `connector privacy export` hands a bundle out.",
    ),
    ("feed", "id", "state = 'refused'"): (
        "events were refused by Brevo",
        "Their reason is in the table feed; they are not sent again.",
    ),
}


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    since = shop.deps.clock.now() - _RECENT
    with shop.connection() as connection:
        for (table, name, condition), (what, do) in _KINDS.items():
            query = f"SELECT {name} FROM {table} WHERE shop_id = :shop AND {condition} LIMIT {_MOST}"  # noqa: S608
            found = connection.scalars(text(query), {"shop": shop.shop.id, "since": since}).all()
            if found:
                many = f"{len(found)} or more" if len(found) == _MOST else str(len(found))
                yield warning(f"{many} {what}.", do, sorted(found, reverse=True)[:_EXAMPLES])


CHECK = Check("stopped work", "No work has stopped.", _run)
