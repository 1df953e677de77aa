"""Gap reports: asking for one, ending it when all is repaired, and reading it.

A report that somebody asked for has everything looked at. One that nobody asked for begins with something that was
found. Either ends when what was found is repaired and the flows have decided about it; then only counts are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, delete, or_, select, text, update

from connector import audit
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.logging import get
from connector.models.reconcile import gap_reports, gaps
from connector.queue.batch import NOTHING, Batch
from connector.scope import Scope
from connector.shops import Shop
from sync.reconcile import looks, passes
from sync.reconcile.gaps import CLOCK, is_behind, open_report
from sync.reconcile.kinds import KINDS, Kind, seen_since
from sync.reconcile.stretches import Found, Stretch, sentences, stretches, totals
from sync.reports import passes as report_passes

log = get(__name__)

# Between two looks at whether all is repaired, how long looks and repairs are waited for, and how long the messages
# that follow are. Machine time.
_LOOK_AGAIN = timedelta(seconds=1)
_PATIENCE = timedelta(hours=1)
_MESSAGES_WITHIN = timedelta(minutes=5)
_LEASE = timedelta(seconds=25)
# A look that the store has refused so often in a row is not waited for; it is made all the same, when that is over.
_TRIES = 3
_LATELY = timedelta(days=1)
# A message that left so long after its time was delayed. Business time.
_PROMPT = timedelta(minutes=15)


@dataclass(frozen=True)
class Report:
    """``state``: open | done | failed (something could not be looked at, or not be repaired). ``by``: an actor of the
    audit log, or "clock". ``records``: {customers: {missed, behind, gone, repaired, failed}}; ``messages``: {expired,
    delayed, late}; ``stretches``: the same by stretches of time. ``notes``: sentences on everything else.
    """

    id: int
    state: str
    by: str
    began_at: datetime
    finished_at: datetime | None
    notes: tuple[str, ...]
    findings: Mapping[str, Any]

    @property
    def whole(self) -> bool:
        """Whether everything was looked at and what was found is repaired."""
        return self.state == "done"

    @property
    def missed(self) -> int:
        """How many records deliveries should have told of."""
        return sum(one["missed"] + one["behind"] + one["gone"] for one in self.findings.get("records", {}).values())

    def words(self, zone: str) -> list[str]:
        """What it came to, in sentences and in the time of ``zone``."""
        if self.state == "open":
            return ["It is not over yet.", *self.notes]
        said = [*sentences(self.findings, ZoneInfo(zone)), *self.notes]
        return said or ["Nothing was missed."]

    def to_json(self, zone: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "state": self.state,
            "asked_by": self.by,
            "began_at": self.began_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
            "records": self.findings.get("records", {}),
            "messages": self.findings.get("messages", {}),
            "stretches": self.findings.get("stretches", []),
            "notes": list(self.notes),
            "words": self.words(zone),
        }


def ask(scope: Scope, *, by: str) -> int:
    """Have everything looked at now; returns the number of the report. Raises InvalidInput when the shop is not active.

    ``by``: the actor, for the audit log. One that is open already is taken over and looks at everything anew.
    """
    if not scope.shop.active:
        raise InvalidInput("This shop is not active: there is nothing to compare with.")
    report_id = open_report(scope, by)
    looks.prepare(scope)
    passes.ask(scope.connection, scope.shop_id, looks.FIRST, report_id, scope.now)
    report_passes.ask(scope.connection, scope.shop_id, scope.now)
    audit.note(scope, actor=by, act="reconcile.start", object_kind="gap_report", object_id=report_id)
    return report_id


def read(connection: Connection, shop_id: int, report_id: int) -> Report:
    """Raises LookupError when the shop has no such report."""
    query = select(gap_reports).where(gap_reports.c.shop_id == shop_id, gap_reports.c.id == report_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise LookupError(f"no report {report_id}")
    return _report(row)


def history(connection: Connection, shop_id: int, limit: int = 20, *, before: int | None = None) -> list[Report]:
    """The shop's newest reports, newest first; ``before``: those older than this one."""
    query = select(gap_reports).where(gap_reports.c.shop_id == shop_id).order_by(gap_reports.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(gap_reports.c.id < before)
    return [_report(row) for row in connection.execute(query).mappings()]


def earlier(connection: Connection, shop_id: int, report: Report) -> list[Report]:
    """What others found in the day before this one ended, newest first: who asks after an outage comes after the
    clock."""
    since = (report.finished_at or report.began_at) - _LATELY
    found = [one for one in history(connection, shop_id, 100) if one.id != report.id and one.began_at >= since]
    return [one for one in found if one.missed and one.id < report.id]


def waits(connection: Connection, shop_id: int) -> dict[str, str]:
    """{look: why it is put off} of those that the store has refused more than once in a row."""
    return {row.look: row.reason for row in connection.execute(_PUT_OFF, {"shop_id": shop_id})}


_PUT_OFF = text(
    "SELECT look, reason FROM reconcile_passes WHERE shop_id = :shop_id AND attempts > 1 AND reason IS NOT NULL"
    " ORDER BY look"
)


def _report(row: RowMapping) -> Report:
    return Report(
        id=row["id"],
        state=row["state"],
        by=row["asked_by"],
        began_at=row["began_at"],
        finished_at=row["finished_at"],
        notes=tuple(row["notes"]),
        findings=row["findings"],
    )


def end_due(deps: Deps, shop: Shop) -> Batch:
    """Look whether the open report is over, and end it when it is."""
    held = _claim(deps, shop)
    if held is None:
        return NOTHING
    with deps.open(shop) as scope:
        mine = (
            gap_reports.c.shop_id == shop.id,
            gap_reports.c.id == held["id"],
            gap_reports.c.lease_real == held["lease_real"],
        )
        # As it is now: a look may have noted something since.
        report = scope.connection.execute(select(gap_reports).where(*mine).with_for_update()).mappings().first()
        if report is None:
            return NOTHING
        for kind in KINDS.values():
            _see_repaired(scope, report["id"], kind)
        values = _ended(scope, report)
        scope.connection.execute(update(gap_reports).where(*mine).values(lease_real=None, **values))
    ended = "state" in values
    if ended and values["findings"]["records"]:
        count = sum(one["repaired"] + one["failed"] for one in values["findings"]["records"].values())
        log.warning("gaps_closed", shop_id=shop.id, count=count, state=values["state"])
    return Batch(1, False)


def _claim(deps: Deps, shop: Shop) -> RowMapping | None:
    machine = deps.clock.machine()
    due = (
        gap_reports.c.shop_id == shop.id,
        gap_reports.c.state == "open",
        gap_reports.c.due_real <= machine,
        or_(gap_reports.c.lease_real.is_(None), gap_reports.c.lease_real < machine),
    )
    with transaction(deps.engine) as connection:
        taken = update(gap_reports).where(*due).values(lease_real=machine + _LEASE).returning(gap_reports)
        return connection.execute(taken).mappings().first()


def _see_repaired(scope: Scope, report_id: int, kind: Kind) -> None:
    """Of what the store was asked for: it is repaired when we hold it as new as it was found there. What the store did
    not tell is deleted there by now, and what we hold of it is the next look's business."""
    asked = {"shop_id": scope.shop_id, "report_id": report_id, "kind": kind.name}
    rows = scope.connection.execute(_READ, asked).all()
    if not rows:
        return
    ids = [row.record_id for row in rows]
    given = {"shop_id": scope.shop_id, "ids": ids, "names": [str(one) for one in ids], "seen_since": seen_since(scope)}
    query = kind.held + kind.some
    wanted = {name: value for name, value in given.items() if f":{name}" in query}
    held = {row.id: row for row in scope.connection.execute(text(query), wanted)}
    states: dict[str, list[int]] = {"repaired": [], "failed": []}
    for row in rows:
        ours = held.get(row.record_id)
        good = row.state == "done" and (ours is None or not is_behind(ours, row.changed_at))
        states["repaired" if good else "failed"].append(row.record_id)
    for state, found in states.items():
        scope.connection.execute(_SETTLE, {**asked, "state": state, "ids": found})


_READ = text(
    """
SELECT gaps.record_id, gaps.changed_at, fetches.state FROM gaps
JOIN fetches ON fetches.shop_id = gaps.shop_id AND fetches.kind = gaps.kind AND fetches.remote_id = gaps.record_id
WHERE gaps.shop_id = :shop_id AND gaps.report_id = :report_id AND gaps.kind = :kind AND gaps.state = 'open'
    AND fetches.state IN ('done', 'failed')
"""
)
_SETTLE = text(
    "UPDATE gaps SET state = :state WHERE shop_id = :shop_id AND report_id = :report_id AND kind = :kind"
    " AND record_id = ANY(:ids)"
)


def _ended(scope: Scope, held: RowMapping) -> dict[str, Any]:
    """What the row of the report becomes: it is looked at again, or it is over."""
    again = {"due_real": scope.machine + _LOOK_AGAIN}
    asked = passes.waited_for(scope.connection, scope.shop_id, held["id"])
    patient = scope.machine < held["began_real"] + _PATIENCE
    put_off = [one for one in asked if one["attempts"] > _TRIES or not patient]
    waits = [one for one in asked if one not in put_off]
    found = [Found(**row) for row in scope.connection.execute(_FOUND, _of(held)).mappings()]
    if patient and (waits or any(one.state == "open" for one in found)):
        return again
    tried = passes.SAMPLE in {one["look"] for one in put_off}
    drift = held["asked_by"] != CLOCK and not tried
    if patient and drift and not passes.finished_since(scope, passes.SAMPLE, held["began_at"]):
        passes.ask(scope.connection, scope.shop_id, [passes.SAMPLE], held["id"], scope.now)
        scope.bells.add("reconcile")
        return again
    spells = stretches(found)
    if scope.machine < held["began_real"] + _MESSAGES_WITHIN and _undecided(scope, held, spells):
        return again
    for spell in spells:
        spell.messages = _messages(scope, spell)
    whole = all(one.state == "repaired" for one in found) and not put_off
    scope.connection.execute(delete(gaps).where(gaps.c.shop_id == scope.shop_id, gaps.c.report_id == held["id"]))
    return {
        "state": "done" if whole else "failed",
        "finished_at": scope.now,
        "notes": [*held["notes"], *(_not_looked(one) for one in put_off)],
        "findings": _findings(found, spells),
    }


def _of(held: RowMapping) -> dict[str, Any]:
    return {"shop_id": held["shop_id"], "report_id": held["id"]}


_FOUND = text("SELECT kind, finding, changed_at, state FROM gaps WHERE shop_id = :shop_id AND report_id = :report_id")


def _findings(found: Sequence[Found], spells: Sequence[Stretch]) -> dict[str, Any]:
    messages = {"expired": 0, "delayed": 0, "late": 0}
    for spell in spells:
        for name, number in spell.messages.items():
            messages[name] += number
    return {
        "records": {KINDS[kind].words[1]: vars(count) for kind, count in totals(found).items()},
        "messages": messages,
        "stretches": [one.to_json() for one in spells],
    }


def _not_looked(look: RowMapping) -> str:
    return f"Not looked at ({look['look']}): {look['reason'] or 'there was no time'}."


def _undecided(scope: Scope, held: RowMapping, spells: Sequence[Stretch]) -> bool:
    """Whether flows have still to decide about what was found, or messages of those times to leave."""
    given = {"shop_id": scope.shop_id, "since": held["began_at"], "now": scope.now}
    if scope.connection.scalar(_TO_DECIDE, given):
        return True
    times = [{**given, "begin": one.begin, "end": one.end} for one in spells]
    return any(scope.connection.scalar(_TO_LEAVE, one) for one in times)


_TO_DECIDE = text(
    """
SELECT EXISTS (
    SELECT FROM pending_events AS pending JOIN events ON events.shop_id = pending.shop_id
        AND events.id = pending.event_id AND events.occurred_at = pending.occurred_at
    WHERE pending.shop_id = :shop_id AND events.received_at >= :since AND events.props ? 'found_by'
)
"""
)
_TO_LEAVE = text(
    """
SELECT EXISTS (
    SELECT FROM outbox WHERE shop_id = :shop_id AND due_at BETWEEN :begin AND :end AND due_at <= :now
        AND state IN ('due', 'leased', 'unknown')
)
"""
)


def _messages(scope: Scope, spell: Stretch) -> dict[str, int]:
    """What became of the messages that were due in this stretch."""
    given = {"shop_id": scope.shop_id, "begin": spell.begin, "end": spell.end, "prompt": _PROMPT}
    return dict(scope.connection.execute(_BECAME, given).mappings().one())


_BECAME = text(
    """
SELECT count(*) FILTER (WHERE state = 'skipped' AND reason = 'deadline') AS expired,
    count(*) FILTER (WHERE state = 'sent' AND sent_at > due_at + :prompt AND sent_at <= deadline) AS delayed,
    count(*) FILTER (WHERE state = 'sent' AND sent_at > deadline) AS late
FROM outbox WHERE shop_id = :shop_id AND due_at BETWEEN :begin AND :end
"""
)
