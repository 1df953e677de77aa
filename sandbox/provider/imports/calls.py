"""POST /contacts/import, /processes, and the work behind them.

An account's imports are worked off one after another. Chosen where the documentation is silent: a flag that is not
set changes nobody's state, so an import without `emailBlacklist` re-subscribes nobody; a row finds its contact by the
first of email, EXT_ID, SMS, and any other identifier in it that belongs to another contact puts the row into the
report of that identifier; with `updateExistingContacts` false a known contact lands in `duplicate_email_id`; a row
whose address or number cannot be is in `invalid_emails`; an import that fails on the way keeps what it had done.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.provider.contacts import Change
from sandbox.provider.imports.process import INVALID, REPORTS, Process
from sandbox.provider.imports.sources import Source, Unreadable, source_of
from sandbox.provider.shapes import CONTACT_IMPORT
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, missing, not_found

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account
    from sandbox.provider.platform import Platform

# Others get at the account between two slices of a long import.
SLICE = 500


@dataclass(frozen=True)
class Job:
    account: Account
    process: Process
    source: Source
    body: dict[str, Any]
    list_ids: list[int]
    writer: str


class Importer:
    """One thread for each account that imports; it waits on the wire clock as long as the settings say."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._queues: dict[str, queue.SimpleQueue[Job]] = {}

    def put(self, job: Job) -> None:
        """The account's lock is held."""
        waiting = self._queues.get(job.account.key)
        if waiting is None:
            waiting = self._queues[job.account.key] = queue.SimpleQueue()
            threading.Thread(target=self._work, args=(waiting,), name="imports", daemon=True).start()
        waiting.put(job)

    def _work(self, waiting: queue.SimpleQueue[Job]) -> None:
        while True:
            job = waiting.get()
            settings, clock = job.account.settings, self._platform.clock
            clock.pause_wire(settings.import_queue_seconds)
            job.process.status = "in_process"
            clock.pause_wire(settings.import_seconds)
            fails = settings.failing_imports > 0
            if fails:
                settings.failing_imports -= 1
            try:
                rows = job.source.rows(job.account)
            except Unreadable as problem:
                self._end(job, "failed", str(problem))
                continue
            self._take(job, rows[: len(rows) // 2] if fails else rows)
            self._end(job, "failed" if fails else "completed", "asked to fail" if fails else None)

    def _take(self, job: Job, rows: list[dict[str, Any]]) -> None:
        for start in range(0, len(rows), SLICE):
            with job.account.lock:
                for row in rows[start : start + SLICE]:
                    report = _import_row(self._platform, job, row)
                    if report:
                        job.process.refuse(report, row)
                    else:
                        job.process.imported += 1

    def _end(self, job: Job, status: str, why: str | None) -> None:
        platform, process = self._platform, job.process
        with job.account.lock:
            # The log has it before anybody can learn it by asking.
            platform.record.add(
                "import",
                account=job.account.key,
                process_id=process.id,
                status=status,
                why=why,
                imported=process.imported,
                refused=process.counts,
                email_blacklist=bool(job.body.get("emailBlacklist")),
                sms_blacklist=bool(job.body.get("smsBlacklist")),
                mailed_merchant=not job.body.get("disableNotification"),
                real_at=platform.clock.real(),
                at=platform.clock.now(),
            )
            process.status = status
        if "notifyUrl" in job.body:
            platform.deliveries.notify(job.account, job.body["notifyUrl"], process.as_json(platform.address))


def _import_row(platform: Platform, job: Job, row: dict[str, Any]) -> str | None:
    """Import one row; answers the report it lands in when it is left out."""
    body, account = job.body, job.account
    attributes = row.get("attributes") or {}
    if not body.get("emptyContactsAttributes"):
        attributes = {name: value for name, value in attributes.items() if value not in ("", None)}
    create: dict[str, Any] = {"attributes": attributes, "listIds": job.list_ids}
    if row.get("email"):
        create["email"] = row["email"]
    for flag, field_name in (("emailBlacklist", "emailBlacklisted"), ("smsBlacklist", "smsBlacklisted")):
        if body.get(flag):
            create[field_name] = True
    now, update = platform.clock.now(), body.get("updateExistingContacts", True)
    try:
        change = Change.of(create, account.attributes)
        done = account.contacts.upsert(change, now, platform.clock.wire(), update=update, merge=False)
    except Refusal as refusal:
        names = refusal.body.get("metadata", {}).get("duplicate_identifiers")
        return REPORTS[names[0].upper()] if names else INVALID
    if account.settings.import_webhooks:
        platform.webhooks.written(account, done.contact, done.effect, now, job.writer, new=done.created)
    return None


def start_import(call: Call) -> Answer:
    body, account = call.body, call.account
    source = source_of(body, call.size)
    if not body.get("listIds") and "newList" not in body:
        raise missing("listIds or newList is required")
    if body.get("emptyContactsAttributes") and not body.get("updateExistingContacts", True):
        raise invalid("emptyContactsAttributes is only available with updateExistingContacts")
    with account.lock:
        list_ids = _lists(call)
        process = Process(len(account.processes) + 1, account.key)
        account.processes[process.id] = process
        call.platform.importer.put(Job(account, process, source, body, list_ids, call.writer))
    rows = len(source.content) if source.kind == "jsonBody" else None
    call.remark["import"] = {"process_id": process.id, "source": source.kind, "bytes": call.size, "rows": rows}
    return Answer(202, {"processId": process.id})


def _lists(call: Call) -> list[int]:
    lists, body = call.account.lists, call.body
    unknown = [id for id in body.get("listIds", []) if id not in lists]
    if unknown:
        raise invalid(f"List ID {unknown[0]} does not exist")
    ids = list(body.get("listIds", []))
    if "newList" in body:
        if not body["newList"].get("listName") or "folderId" not in body["newList"]:
            raise missing("newList needs a listName and a folderId")
        ids.append(lists.create(body["newList"]["listName"], body["newList"]["folderId"], call.now))
    return ids


def get_process(call: Call) -> Answer:
    id = call.path["process_id"]
    with call.account.lock:
        process = call.account.processes.get(int(id)) if id.isdigit() else None
        if process is None:
            raise not_found("Process not found")
        return Answer(200, process.as_json(call.platform.address))


def list_processes(call: Call) -> Answer:
    with call.account.lock:
        kept = list(call.account.processes.values())
        page = [process.as_json(call.platform.address) for process in call.sorted_page(kept, 10, 50)]
    return Answer(200, {"processes": page, "count": len(kept)})


def report_file(platform: Platform, path: str) -> bytes | None:
    """The report at an address that GET /processes/{id} told, None if there is none."""
    for account in platform.accounts.all():
        with account.lock:
            for process in account.processes.values():
                content = process.report(path)
                if content is not None:
                    return content
    return None


ROUTES = [
    Route("POST", "/contacts/import", start_import, CONTACT_IMPORT),
    Route("GET", "/processes", list_processes),
    Route("GET", "/processes/<process_id>", get_process),
]
