"""The facts of a whole batch of persons, loaded set-wise: a fixed number of statements whatever its size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Row, RowMapping, Text, any_, bindparam, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from connector import whereabouts
from connector.consent_policy import country_of, in_force
from connector.db.any_row import AnyRow
from connector.db.rows import among
from connector.models.activity import activities, segment_members
from connector.models.flow import goal_watches, runs
from connector.models.loyalty import loyalty_states
from connector.models.outbox import outbox, send_ledger
from connector.models.person import consents, persons, suppressions
from connector.models.store import checkouts, products
from connector.models.sync import fetches
from connector.models.told import form_answers, support_tickets
from connector.scope import Scope
from connector.suppression import address_digest
from flows.core import activity
from flows.core.activity import NOTHING, Activity
from flows.core.amounts import RATES
from flows.core.model import CapPlan, PastRun, Purpose, Run
from flows.core.permission import OPT_OUTS, OWN, Consents, Policy, may_track_opens, read_consents, shown_state
from flows.engine.rates import rates

ADDRESSED = ("email", "sms", "whatsapp")
"""The channels that write to an address or a number."""
# Caps look back no further than this.
LEDGER_DAYS = 31
# Re-entry rules look at the runs of this long.
HISTORY = timedelta(days=800)


class Counted(NamedTuple):
    """An entry of the ledger that caps count."""

    shop_id: int
    outbox_id: int
    person_id: int
    run_id: UUID
    flow: str
    channel: str
    purpose: Purpose
    cap: CapPlan
    counted_at: datetime


@dataclass
class Person:
    """Everything that deciding about one person reads. ``live`` are live runs by id.

    ``consent``: the state by channel, as flows see it; ``track_opens``: whether opens of theirs may be recorded.
    ``suppressed``: why nothing may be sent to the address that they have, by channel; ``awaits_help``: a support ticket
    of theirs is open. ``activity``: what is remembered of how they behave; ``behaviour``: the same as facts, once they
    were asked for (``flows.engine.behaviour``).
    """

    row: RowMapping
    consents: Consents = field(default_factory=dict)
    consent: dict[str, str] = field(default_factory=dict)
    track_opens: bool = False
    consent_pending: bool = False
    awaits_help: bool = False
    suppressed: dict[str, str] = field(default_factory=dict)
    live: dict[UUID, Run] = field(default_factory=dict)
    past: dict[str, list[PastRun]] = field(default_factory=lambda: defaultdict(list))
    watches: list[AnyRow] = field(default_factory=list)
    ledger: list[Row[Any] | Counted] = field(default_factory=list)
    due: list[Row[Any]] = field(default_factory=list)
    checkouts: dict[str, dict[str, Any]] = field(default_factory=dict)
    activity: Activity = NOTHING
    behaviour: dict[str, Any] | None = None

    @cached_property
    def home(self) -> str | None:
        """The zone whose days are theirs; None when nothing tells it, and the shop's is taken."""
        return whereabouts.home(self.row, "") or None

    def facts(self) -> dict[str, Any]:
        """The ``person`` family. An unknown consent is absent: *cannot tell*, not *no*."""
        return self._told

    @cached_property
    def _told(self) -> dict[str, Any]:
        # Of what does not change within a visit, and is asked for several times for each thing that happened.
        row = self.row
        return {
            "id": row["id"],
            "seed": str(row["seed"]),
            "was": row["was"] or [],
            "email": row["email"],
            "phone": row["phone"],
            "first_name": row["first_name"],
            "last_name": row["last_name"],
            "locale": row["locale"],
            "country": row["country"],
            "city": row["city"],
            "timezone": self.home,
            "tags": row["tags"],
            "orders_count": row["orders_count"],
            "total_spent": str(row["total_spent"]),
            "first_order_at": _iso(row["first_order_at"]),
            "last_order_at": _iso(row["last_order_at"]),
            "answers": row["answers"] or {},
            "store_segments": row["store_segments"] or {},
            "loyalty": _loyalty(row["loyalty"]),
            "consent": dict(self.consent),
        }


def _loyalty(standing: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of a row of ``loyalty_states``. Of what nobody has told it is not known that there is none."""
    return {} if standing is None else {name: standing[name] for name in standing["told"]}


def shop_facts(scope: Scope, needs: Collection[str] = ()) -> dict[str, Any]:
    """The ``shop`` family. ``needs``: of the flows that it is for, which may compare amounts in several currencies."""
    shop = scope.shop
    settings = shop.settings
    return {
        "name": shop.name,
        "domain": shop.domain,
        "url": settings["url"] or f"https://{shop.domain}",
        "address": settings["address"] or shop.sender_email,
        "logo_url": settings["logo_url"],
        "currency": shop.currency,
        "locale": settings["locale"],
        "timezone": shop.timezone,
        "offers": settings["offers"],
        **({"rates": rates(scope)} if RATES in needs else {}),
    }


def load(scope: Scope, person_ids: Sequence[int], *, tokens: Iterable[str] = ()) -> dict[int, Person]:
    """These persons with all that is known of them; ``tokens``: checkouts to load besides those of their runs."""
    if not person_ids:
        return {}
    held_since = scope.now - timedelta(days=scope.shop.settings["support_ticket_days"])
    asked = {"shop_id": scope.shop_id, "ids": list(person_ids), "held_since": held_since}
    rows = scope.connection.execute(_PERSONS, asked)
    policy = in_force(scope.shop.settings)
    found = {row["id"]: _person(scope, row, policy) for row in rows.mappings()}
    if not found:
        return {}
    given = {"shop_id": scope.shop_id, "ids": list(found), "now": scope.now}
    _runs(scope, found, given)
    _suppressions(scope, found, given)
    _messages(scope, found, given)
    for row in scope.connection.execute(_WATCHES, given).mappings():
        found[row["person_id"]].watches.append(row)
    keys = {run.key for person in found.values() for run in person.live.values() if run.key}
    shown = _checkouts(scope, keys | set(tokens))
    for person in found.values():
        person.checkouts = shown
    return found


def _person(scope: Scope, row: RowMapping, policy: Policy) -> Person:
    country = country_of(row, scope.shop.settings)
    consents = read_consents(row["consents"])
    shown = {
        channel: state
        for channel, purpose in OWN.items()
        if (state := shown_state(consents.get((channel, purpose)), country, channel, purpose, policy)) is not None
    }
    tracked = may_track_opens(consents, country, policy)
    return Person(
        row,
        consents,
        shown,
        tracked,
        consent_pending=row["consent_pending"],
        awaits_help=row["awaits_help"],
        activity=activity.from_json(row["activity"]),
    )


# Whoever turned out to be the person.
_gone = persons.alias("gone")
# The consent of a customer whom the store is being asked about may be another by now.
_PERSONS = select(
    persons,
    select(
        func.jsonb_agg(
            func.jsonb_build_array(
                consents.c.channel, consents.c.purpose, consents.c.state, consents.c.level, consents.c.evidence_at
            )
        )
    )
    .where(
        consents.c.shop_id == persons.c.shop_id,
        consents.c.person_id == persons.c.id,
        # Once the store has deleted the customer only what was agreed to since counts.
        or_(
            persons.c.customer_deleted_at.is_(None),
            consents.c.evidence_at > persons.c.customer_deleted_at,
            consents.c.state.in_(sorted(OPT_OUTS)),
        ),
    )
    .scalar_subquery()
    .label("consents"),
    select(fetches.c.remote_id)
    .where(
        fetches.c.shop_id == persons.c.shop_id,
        fetches.c.kind == "Customer",
        fetches.c.remote_id == persons.c.customer_id,
        fetches.c.state.in_(("due", "leased")),
    )
    .exists()
    .label("consent_pending"),
    select(func.jsonb_object_agg(form_answers.c.name, form_answers.c.value))
    .where(form_answers.c.shop_id == persons.c.shop_id, form_answers.c.person_id == persons.c.id)
    .scalar_subquery()
    .label("answers"),
    select(func.jsonb_agg(_gone.c.seed))
    .where(_gone.c.shop_id == persons.c.shop_id, _gone.c.merged_into == persons.c.id)
    .scalar_subquery()
    .label("was"),
    select(activities.c.state)
    .where(activities.c.shop_id == persons.c.shop_id, activities.c.person_id == persons.c.id)
    .scalar_subquery()
    .label("activity"),
    select(func.jsonb_object_agg(cast(segment_members.c.segment_id, Text), segment_members.c.member))
    .where(segment_members.c.shop_id == persons.c.shop_id, segment_members.c.person_id == persons.c.id)
    .scalar_subquery()
    .label("store_segments"),
    select(func.to_jsonb(loyalty_states.table_valued()))
    .where(loyalty_states.c.shop_id == persons.c.shop_id, loyalty_states.c.person_id == persons.c.id)
    .scalar_subquery()
    .label("loyalty"),
    select(support_tickets.c.ticket)
    .where(
        support_tickets.c.shop_id == persons.c.shop_id,
        support_tickets.c.person_id == persons.c.id,
        # One that nobody ever closed holds nobody for good.
        support_tickets.c.opened_at > bindparam("held_since"),
        or_(support_tickets.c.closed_at.is_(None), support_tickets.c.closed_at < support_tickets.c.opened_at),
    )
    .exists()
    .label("awaits_help"),
).where(persons.c.shop_id == bindparam("shop_id"), among(persons.c.id, "ids"))
_WATCHES = select(goal_watches).where(
    goal_watches.c.shop_id == bindparam("shop_id"),
    among(goal_watches.c.person_id, "ids"),
    goal_watches.c.reached_at.is_(None),
    goal_watches.c.expires_at >= bindparam("now"),
)


def _runs(scope: Scope, found: Mapping[int, Person], given: Mapping[str, Any]) -> None:
    for row in scope.connection.execute(_RUNS, {**given, "since": scope.now - HISTORY}):
        person = found[row.person_id]
        person.past[row.flow].append(PastRun(row.key, row.entered_at))
        if row.state == "live":
            person.live[row.id] = restore(row)


_RUNS = select(runs).where(
    runs.c.shop_id == bindparam("shop_id"), among(runs.c.person_id, "ids"), runs.c.entered_at > bindparam("since")
)


def restore(row: Row[Any]) -> Run:
    """The run that this row of ``runs`` stands for."""
    return Run.restore(
        id=row.id,
        flow=row.flow,
        version=row.version,
        person_id=row.person_id,
        key=row.key,
        state=row.state,
        outcome=row.outcome,
        entered_at=row.entered_at,
        anchor_at=row.anchor_at,
        position=row.position,
    )


def _suppressions(scope: Scope, found: Mapping[int, Person], given: Mapping[str, Any]) -> None:
    # A number may be a whole family's.
    having: dict[str, list[Person]] = defaultdict(list)
    for person in found.values():
        for address in (person.row["email"], person.row["phone"]):
            if address:
                having[address_digest(scope.shop.salt, address)].append(person)
    if having:
        for row in scope.connection.execute(_SUPPRESSED, {**given, "digests": list(having)}):
            for person in having[row.address_digest]:
                person.suppressed[row.channel] = row.reason


_SUPPRESSED = select(suppressions.c.channel, suppressions.c.address_digest, suppressions.c.reason).where(
    suppressions.c.shop_id == bindparam("shop_id"),
    # Named, because they come before the digest in the key.
    suppressions.c.channel.in_(ADDRESSED),
    among(suppressions.c.address_digest, "digests"),
)


def _messages(scope: Scope, found: Mapping[int, Person], given: Mapping[str, Any]) -> None:
    for row in scope.connection.execute(_LEDGER, {**given, "since": scope.now - timedelta(days=LEDGER_DAYS)}):
        found[row.person_id].ledger.append(row)
    for row in scope.connection.execute(_DUE, given):
        found[row.person_id].due.append(row)


_LEDGER = select(send_ledger).where(
    send_ledger.c.shop_id == bindparam("shop_id"),
    among(send_ledger.c.person_id, "ids"),
    send_ledger.c.counted_at > bindparam("since"),
)
_DUE = select(
    outbox.c.id,
    outbox.c.person_id,
    outbox.c.run_id,
    outbox.c.flow,
    outbox.c.purpose,
    outbox.c.priority,
    outbox.c.due_at,
).where(outbox.c.shop_id == bindparam("shop_id"), among(outbox.c.person_id, "ids"), outbox.c.state == "due")


def _checkouts(scope: Scope, tokens: set[str]) -> dict[str, dict[str, Any]]:
    """The ``checkout`` family by token, its items with the pictures and pages of their products."""
    if not tokens:
        return {}
    rows = scope.connection.execute(_CHECKOUTS, {"shop_id": scope.shop_id, "tokens": list(tokens)})
    return {row["token"]: _checkout(row) for row in rows.mappings()}


_item = func.jsonb_array_elements(checkouts.c["items"], type_=JSONB).column_valued("item")
_product_ids = select(cast(_item["product_id"].astext, BigInteger)).correlate(checkouts)
_CHECKOUTS = select(
    checkouts,
    select(
        func.jsonb_object_agg(
            products.c.id, func.jsonb_build_object("image_url", products.c.image_url, "url", products.c.url)
        )
    )
    .where(products.c.shop_id == checkouts.c.shop_id, products.c.id == any_(func.array(_product_ids.scalar_subquery())))
    .scalar_subquery()
    .label("shown"),
).where(checkouts.c.shop_id == bindparam("shop_id"), among(checkouts.c.token, "tokens"))
_NOT_SHOWN = {"image_url": None, "url": None}


def _checkout(row: RowMapping) -> dict[str, Any]:
    shown = row["shown"] or {}
    return {
        "token": row["token"],
        "items": [{**line, **shown.get(str(line["product_id"]), _NOT_SHOWN)} for line in row["items"]],
        "total": str(row["total"]),
        "currency": row["currency"],
        "recovery_url": row["recovery_url"],
        "source_updated_at": _iso(row["source_updated_at"]),
        "created_at": _iso(row["created_at"]),
        "completed_at": _iso(row["completed_at"]),
        "deleted_at": _iso(row["deleted_at"]),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
