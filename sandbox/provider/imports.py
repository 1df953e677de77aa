"""Asynchronous contact imports and the processes that carry them."""

from __future__ import annotations

import csv
import io
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.provider.contacts import Change
from sandbox.provider.shapes import CONTACT_IMPORT
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, missing, not_found

if TYPE_CHECKING:
    from sandbox.provider.accounts import Account
    from sandbox.provider.platform import Platform

LARGEST_BODY = 10 * 1024 * 1024
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_REPORTS = {
    "EMAIL": "duplicate_email_id",
    "EXT_ID": "duplicate_ext_id",
    "SMS": "duplicate_phone_id",
    "WHATSAPP": "duplicate_whatsapp_id",
    "LANDLINE_NUMBER": "duplicate_landline_number_id",
}


@dataclass
class Process:
    """`refused` counts the rows left out, by the provider's name of the report file."""

    id: int
    status: str = "queued"
    imported: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        reports = {name: f"https://files.sandbox.invalid/{self.id}/{name}.csv" for name in self.refused}
        body: dict[str, Any] = {"id": self.id, "name": "IMPORTUSER", "status": self.status}
        return {**body, "info": {"import": reports}} if self.status == "completed" else body


def _rows(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an import, each `{"email", "attributes"}`; in a CSV every attribute is still text."""
    if "jsonBody" in body:
        return list(body["jsonBody"])
    reader = csv.DictReader(io.StringIO(body["fileBody"]), delimiter=";")
    rows = []
    for line in reader:
        cells = {str(name).strip().upper(): (value or "").strip() for name, value in line.items() if name}
        rows.append({"email": cells.pop("EMAIL", ""), "attributes": cells})
    return rows


def _typed(account: Account, cells: dict[str, str]) -> dict[str, Any]:
    """Give every CSV cell the first reading (text, option, boolean, number) that its attribute takes."""
    typed: dict[str, Any] = {}
    for name, text in cells.items():
        readings: list[Any] = [text, [text]]
        if text.lower() in _WORDS:
            readings.append(_WORDS[text.lower()])
        try:
            readings.append(float(text))
        except ValueError:
            pass  # not a number: the other readings remain
        fits = (reading for reading in readings if account.attributes.fit({name: reading})[0])
        typed[name] = next(fits, text)
    return typed


def start_import(call: Call) -> Answer:
    body, account = call.body, call.account
    sources = [key for key in ("fileUrl", "fileBody", "jsonBody") if key in body]
    if len(sources) != 1:
        raise missing("One of fileUrl, fileBody or jsonBody is required")
    if sources == ["fileUrl"]:
        raise invalid("The sandbox does not fetch fileUrl")
    if not body.get("listIds") and "newList" not in body:
        raise missing("listIds or newList is required")
    if body.get("emptyContactsAttributes") and not body.get("updateExistingContacts"):
        raise invalid("emptyContactsAttributes is only available with updateExistingContacts")
    if len(body.get("fileBody", "")) > LARGEST_BODY:
        raise Refusal(400, "out_of_range", "Body exceeds 10 MB")
    with account.lock:
        unknown = [id for id in body.get("listIds", []) if id not in account.lists]
        if unknown:
            raise invalid(f"List ID {unknown[0]} does not exist")
        list_ids = list(body.get("listIds", []))
        if "newList" in body:
            new = body["newList"]
            list_ids.append(account.lists.create(new.get("listName", "Import"), new.get("folderId", 1), call.now))
        process = Process(len(account.processes) + 1)
        account.processes[process.id] = process
    # Machine time: the provider works on an import in the background.
    timer = threading.Timer(account.settings.import_seconds, _run, (call.platform, account, process, body, list_ids))
    timer.daemon = True
    timer.start()
    return Answer(202, {"processId": process.id})


def _run(platform: Platform, account: Account, process: Process, body: dict[str, Any], list_ids: list[int]) -> None:
    process.status = "processing"
    for row in _rows(body):
        with account.lock:
            report = _import_row(platform, account, row, body, list_ids)
        if report:
            process.refused[report] = process.refused.get(report, 0) + 1
        else:
            process.imported += 1
    process.status = "completed"
    platform.record.add(
        "import",
        account=account.key,
        process_id=process.id,
        imported=process.imported,
        refused=process.refused,
        real_at=platform.clock.real(),
        at=platform.clock.now(),
    )


def _import_row(
    platform: Platform, account: Account, row: dict[str, Any], body: dict[str, Any], list_ids: list[int]
) -> str | None:
    """Import one row; answers the report it lands in when it is left out."""
    attributes = dict(row.get("attributes", {}))
    if "fileBody" in body:
        attributes = _typed(account, attributes)
    if not body.get("emptyContactsAttributes"):
        attributes = {name: value for name, value in attributes.items() if value not in ("", None)}
    create: dict[str, Any] = {"attributes": attributes, "listIds": list_ids}
    if row.get("email"):
        create["email"] = row["email"]
    for flag, field_name in (("emailBlacklist", "emailBlacklisted"), ("smsBlacklist", "smsBlacklisted")):
        if body.get(flag):
            create[field_name] = True
    try:
        change = Change.of(create, account.attributes)
        now, wire = platform.clock.now(), platform.clock.wire()
        update = body.get("updateExistingContacts", True)
        account.contacts.upsert(change, now, wire, update=update, merge=False)
    except Refusal as refusal:
        names = refusal.body.get("metadata", {}).get("duplicate_identifiers")
        return _REPORTS.get(names[0], _REPORTS["EMAIL"]) if names else "invalid_emails"
    return None


def get_process(call: Call) -> Answer:
    id = call.path["process_id"]
    process = call.account.processes.get(int(id)) if id.isdigit() else None
    if process is None:
        raise not_found("Process not found")
    return Answer(200, process.as_json())


ROUTES = [
    Route("POST", "/contacts/import", start_import, CONTACT_IMPORT),
    Route("GET", "/processes/<process_id>", get_process),
]
