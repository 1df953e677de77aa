"""A background process of an account: its states, and the reports of the rows that an import left out."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass, field
from typing import Any

INVALID = "invalid_emails"
# Identifier that another contact owns -> the report in which the row lands.
REPORTS = {
    "CONTACT_ID": "duplicate_contact_id",
    "EXT_ID": "duplicate_ext_id",
    "EMAIL": "duplicate_email_id",
    "SMS": "duplicate_phone_id",
    "WHATSAPP": "duplicate_whatsapp_id",
    "LANDLINE_NUMBER": "duplicate_landline_number_id",
}
FILES = "/files/"


@dataclass
class Process:
    """`refused` holds the rows left out, by the provider's name of the report file.

    Chosen where the documentation is silent: a report is a CSV (`;`) with the columns EMAIL, every attribute of the
    rows in it, and the rows as they were given; its address cannot be guessed and needs no key.
    """

    id: int
    account: str
    status: str = "queued"
    imported: int = 0
    refused: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        return {name: len(rows) for name, rows in self.refused.items()}

    def refuse(self, report: str, row: dict[str, Any]) -> None:
        self.refused.setdefault(report, []).append(row)

    def path_of(self, report: str) -> str:
        mark = hashlib.blake2b(f"{self.account}\0{self.id}\0{report}".encode(), digest_size=12).hexdigest()
        return f"{FILES}{mark}/{report}.csv"

    def as_json(self, base: str) -> dict[str, Any]:
        """`base` is where this server is found; reports show once the process is completed."""
        body: dict[str, Any] = {"id": self.id, "name": "IMPORTUSER", "status": self.status}
        if self.status != "completed":
            return body
        reports = {name: base + self.path_of(name) if name in self.refused else None for name in self._names()}
        return {**body, "info": {"import": reports}}

    @staticmethod
    def _names() -> list[str]:
        return [INVALID, *REPORTS.values()]

    def report(self, path: str) -> bytes | None:
        """The file at `path`, None if it is none of this process."""
        found = next((name for name in self.refused if self.path_of(name) == path), None)
        if found is None or self.status != "completed":
            return None
        rows = [{"EMAIL": row.get("email", ""), **row.get("attributes", {})} for row in self.refused[found]]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        out = io.StringIO()
        writer = csv.DictWriter(out, columns, restval="", delimiter=";", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().encode()
