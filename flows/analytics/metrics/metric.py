"""What a metric is: a share, an average or a count of people that a page shows with its definition beside it.

Metrics are counted person by person (``flows.analytics.rounds``): each has one query over a slice of the shop's people,
whose rows are added up. The query is asked with

* ``shop_id``, ``persons`` (ids), ``now``, ``since`` (nobody who came in earlier is counted), ``zone`` (of the shop),
* ``watched``: what it watches, as JSON (see WATCHED), ``within``: the metric's own time,
* ``currency`` (of the shop), ``tests`` and ``sources``: which orders count for something here, see LEFT,

and answers rows of (flow, who, day, whole, hits, waiting, amount): ``flow`` is "" of the whole shop, ``who`` tells
groups apart, ``day`` is that on which the counted began. ``waiting``: not yet, and still in time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol

from sqlalchemy import TextClause, text

from flows.content.source import MessageSource
from flows.core.model import FlowVersion

VIP = "vip"
"""The tag of flows whose people are the shop's VIPs."""
OTHERS = "others"
WHO: Mapping[str, str] = {VIP: "VIPs", OTHERS: "Other customers"}
"""How groups are called."""


class Published(Protocol):
    """A version of a flow with its messages, as ``flows.engine.book`` has it."""

    @property
    def flow(self) -> FlowVersion: ...

    @property
    def sources(self) -> Mapping[str, MessageSource]: ...


@dataclass(frozen=True, slots=True)
class Watch:
    """What a metric looks at in a flow: some of its ``messages``, which show a ``coupon`` of the flow's own or a
    ``code`` that everybody gets."""

    messages: tuple[str, ...] = ()
    coupon: str = ""
    code: str = ""

    def to_json(self, flow: str) -> dict[str, Any]:
        return {"flow": flow, "messages": list(self.messages), "coupon": self.coupon, "code": self.code}


Watches = Callable[[Published, Mapping[str, Any]], Sequence[Watch]]
"""(flow, settings of the shop) -> what of it is watched; nothing: the metric is none of this flow's."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """``says``: the definition in plain words, what is divided by what. ``of``: what is counted, in the plural.
    ``kind``: what stands first: the share, the number behind it, or the amount for each. ``guides``: what the guide
    says of flows with a tag, {tag: share}. ``nobody``: said while there is nothing to divide by. ``untold``: said while
    none is known of at all, where that may mean that nobody tells; "" where 0 is 0. ``of_shop``: of all customers, and
    shown with the flows that it watches. ``groups``: of whom it tells, of WHO; one without a name is everybody."""

    name: str
    title: str
    says: str
    of: str
    counts: TextClause
    watches: Watches
    within: timedelta = field(default=timedelta(0))
    kind: Literal["share", "count", "average"] = "share"
    guides: Mapping[str, str] = field(default_factory=dict)
    nobody: str = "Nobody has come this far yet."
    untold: str = ""
    of_shop: bool = False
    groups: tuple[str, ...] = ("",)

    def guide(self, flow: FlowVersion) -> str:
        """What the guide says of such a flow; "" when it says nothing."""
        return next((says for tag, says in self.guides.items() if tag in flow.tags), "")


def of_trigger(*events: str) -> Watches:
    """Flows that start on one of these."""
    return lambda published, settings: [Watch()] if published.flow.trigger.on in events else []


def of_tag(tag: str) -> Watches:
    return lambda published, settings: [Watch()] if tag in published.flow.tags else []


def of_messages(wanted: Callable[[str, str], bool]) -> Watches:
    """Flows with messages that are wanted, by their name and their body."""

    def watches(published: Published, settings: Mapping[str, Any]) -> Sequence[Watch]:
        names = tuple(name for name in published.flow.messages if wanted(name, body(published, name)))
        return [Watch(names)] if names else []

    return watches


def body(published: Published, message: str) -> str:
    """What a message is written from; "" when it has no file of its own."""
    source = published.sources.get(message)
    return source.body if source else ""


WATCHED = """
watched AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(CAST(:watched AS jsonb))
        AS watched (flow text, messages text[], coupon text, code text)
)"""
# Person by person, so that the index by person is used whatever the planner believes of a shop.
PERSON = "unnest(CAST(:persons AS bigint[])) AS person (id) CROSS JOIN LATERAL"

ENTERED = f"""
SELECT run.flow, run.id AS run_id, run.person_id, run.entered_at AS at, run.anchor_at, run.state, run.position, run.key
FROM {PERSON} (
    SELECT flow, id, person_id, entered_at, anchor_at, state, position, key FROM runs
    WHERE shop_id = :shop_id AND person_id = person.id AND entered_at >= :since OFFSET 0
) AS run JOIN watched ON watched.flow = run.flow"""  # noqa: S608
"""Each time that somebody came into a watched flow."""

WRITTEN_TO = f"""
SELECT DISTINCT ON (sent.run_id, watched.coupon, watched.code) sent.flow, sent.run_id, sent.person_id,
    sent.sent_at AS at, watched.coupon, watched.code
FROM {PERSON} (
    SELECT flow, run_id, person_id, message, sent_at FROM outbox
    WHERE shop_id = :shop_id AND person_id = person.id AND message <> '' AND state = 'sent' AND sent_at >= :since
    OFFSET 0
) AS sent JOIN watched ON watched.flow = sent.flow AND sent.message = ANY (watched.messages)
ORDER BY sent.run_id, watched.coupon, watched.code, sent.sent_at"""  # noqa: S608
"""Each time that somebody was sent the first of the watched messages."""

ORDERED = """
EXISTS (
    SELECT FROM orders WHERE orders.shop_id = :shop_id AND orders.person_id = begun.person_id
        AND orders.counted IS NOT NULL AND orders.created_at > begun.at
        AND orders.created_at <= begun.at + CAST(:within AS interval)
)"""
"""Whether they placed an order that counts within the metric's time."""

LEFT = """
CASE WHEN placed.counted IS NOT NULL THEN placed.counted
    WHEN placed.historical AND placed.cancelled_at IS NULL AND placed.deleted_at IS NULL
        AND (:tests OR NOT placed.test) AND NOT coalesce(placed.source_name = ANY (CAST(:sources AS text[])), false)
    THEN greatest(least(placed.total, coalesce(placed.gross - placed.refunded, placed.total)), 0) END"""
"""What is left of an order, also of one from before the app; NULL of one that counts for nothing."""


def told(*events: str) -> str:
    """Whether one of these was told of them within the metric's time."""
    names = ", ".join(f"'{name}'" for name in events)
    return f"""
EXISTS (
    SELECT FROM events WHERE events.shop_id = :shop_id AND events.person_id = begun.person_id
        AND events.occurred_at > begun.at AND events.occurred_at <= begun.at + CAST(:within AS interval)
        AND events.name IN ({names})
)"""  # noqa: S608  names of events, from this package


def share(begun: str, hit: str, waits: str = "begun.at + CAST(:within AS interval) > :now") -> TextClause:
    """Of those that ``begun`` finds (flow, person_id, at), those of whom ``hit`` is true; of the others, those of whom
    ``waits`` is true may still be."""
    return text(
        f"""
WITH {WATCHED}, begun AS ({begun}
), judged AS (
    SELECT begun.flow, CAST(begun.at AT TIME ZONE CAST(:zone AS text) AS date) AS day, {hit} AS hit, {waits} AS waits
    FROM begun
)
SELECT flow, '' AS who, day, count(*) AS whole, count(*) FILTER (WHERE hit) AS hits,
    count(*) FILTER (WHERE waits AND NOT hit) AS waiting, CAST(0 AS numeric) AS amount
FROM judged GROUP BY flow, day"""  # noqa: S608  of this package's own texts only
    )


def of_customers(people: str, **columns: str) -> TextClause:
    """A metric of the shop as it is now: of the customers that ``people`` finds, by ``who``. ``columns``: whole, hits,
    waiting and amount, as far as they are not 0."""
    sums = ", ".join(f"{columns.get(name, '0')} AS {name}" for name in ("whole", "hits", "waiting", "amount"))
    return text(
        f"""
WITH {WATCHED}, vips AS (
    SELECT run.person_id, min(run.entered_at) AS since
    FROM {PERSON} (
        SELECT person_id, flow, entered_at FROM runs WHERE shop_id = :shop_id AND person_id = person.id OFFSET 0
    ) AS run JOIN watched ON watched.flow = run.flow GROUP BY run.person_id
), people AS ({people}
)
SELECT '' AS flow, who, CAST(CAST(:now AS timestamptz) AT TIME ZONE CAST(:zone AS text) AS date) AS day, {sums}
FROM people GROUP BY who"""  # noqa: S608
    )
