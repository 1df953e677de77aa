"""Lists of contacts and the folders that they are in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connector.brevo.calls import JSON, Calls, dicts
from connector.brevo.verdicts import Kind

_PAGE = 50
# Of lists and folders, so that an account with more than anybody has ends the reading.
_MOST_PAGES = 20
MOST_MEMBERS = 150
"""So many contacts at most are added to a list or removed from it in one call (Brevo's OpenAPI, maxItems)."""


class ListCalls(Calls):
    """Lists of contacts and the folders that they are in. Reading all takes a call for each 50."""

    def folders(self) -> list[JSON]:
        """GET /contacts/folders: [{id, name, ...}], all pages."""
        return self._pages(self._sdk.contacts.get_folders, "folders")

    def create_folder(self, name: str) -> int:
        """POST /contacts/folders. Returns its id."""
        create = self._sdk.contacts.create_folder
        return int(self._json(create, Kind.IDEMPOTENT, "contacts", body={"name": name})["id"])

    def lists(self) -> list[JSON]:
        """GET /contacts/lists: [{id, name, folderId, ...}], all pages."""
        return self._pages(self._sdk.contacts.get_lists, "lists")

    def create_list(self, name: str, folder_id: int) -> int:
        """POST /contacts/lists. Returns its id. Brevo lets two lists have one name."""
        body = {"name": name, "folderId": folder_id}
        create = self._sdk.contacts.create_list
        return int(self._json(create, Kind.IDEMPOTENT, "contacts", body=body, name=name, folder_id=folder_id)["id"])

    def remove_from_list(self, list_id: int, emails: Sequence[str]) -> None:
        """POST /contacts/lists/{list_id}/contacts/remove, of at most MOST_MEMBERS. Refused when none was on it."""
        remove = self._sdk.contacts.remove_contact_from_list
        self._call(remove, Kind.IDEMPOTENT, "contacts", list_id, body={"emails": list(emails)}, request={})

    def empty_list(self, list_id: int) -> None:
        """The same for everybody who is on it, whoever they are. Refused when nobody was."""
        remove = self._sdk.contacts.remove_contact_from_list
        self._call(remove, Kind.IDEMPOTENT, "contacts", list_id, body={"all": True}, request={})

    def _pages(self, method: Callable[..., Any], name: str) -> list[JSON]:
        found: list[JSON] = []
        for page in range(_MOST_PAGES):
            if page:
                self.await_turn("contacts")
            asked = {"limit": _PAGE, "offset": page * _PAGE}
            rows = dicts(self._json(method, Kind.READ, "contacts", query=asked).get(name))
            found += rows
            if len(rows) < _PAGE:
                break
        return found
