"""Contact lists and their folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.provider import moments
from sandbox.provider.contacts import Contact, normal
from sandbox.provider.shapes import FOLDER, LIST, LIST_ADD, LIST_REMOVE, LIST_UPDATE
from sandbox.provider.wire import Answer, Call, Refusal, Route, missing, not_found

MOST_AT_ONCE = 150


@dataclass
class ContactList:
    id: int
    name: str
    folder_id: int
    created_at: float


class Lists:
    """Lists and folders of one account; the account's lock guards it. Starts with folder 1 and list 2."""

    def __init__(self, now: float) -> None:
        self.folders: dict[int, str] = {1: "Your first folder"}
        self._lists: dict[int, ContactList] = {2: ContactList(2, "Your first list", 1, now)}

    def __contains__(self, id: int) -> bool:
        return id in self._lists

    def get(self, id: int) -> ContactList:
        if id not in self._lists:
            raise not_found("List ID does not exist")
        return self._lists[id]

    def all(self) -> list[ContactList]:
        return list(self._lists.values())

    def folder(self, id: int) -> str:
        if id not in self.folders:
            raise not_found("Folder ID does not exist")
        return self.folders[id]

    def add_folder(self, name: str) -> int:
        id = max(self.folders, default=0) + 1
        self.folders[id] = name
        return id

    def create(self, name: str, folder_id: int, now: float, id: int | None = None) -> int:
        self.folder(folder_id)
        id = id or max(self._lists, default=0) + 1
        self._lists[id] = ContactList(id, name, folder_id, now)
        return id

    def remove(self, id: int) -> None:
        del self._lists[id]


def _number(text: str) -> int:
    if not text.isdigit():
        raise Refusal(400, "invalid_parameter", "Id should be a positive integer")
    return int(text)


def _as_json(call: Call, lst: ContactList) -> dict[str, Any]:
    members = sum(lst.id in contact.list_ids for contact in call.account.contacts.all())
    # The provider answers 0 in the two totals since it stopped counting them.
    return {
        "id": lst.id,
        "name": lst.name,
        "folderId": lst.folder_id,
        "uniqueSubscribers": members,
        "totalSubscribers": 0,
        "totalBlacklisted": 0,
    }


def _folder_as_json(id: int, name: str) -> dict[str, Any]:
    return {"id": id, "name": name, "uniqueSubscribers": 0, "totalSubscribers": 0, "totalBlacklisted": 0}


def get_folders(call: Call) -> Answer:
    with call.account.lock:
        rows = [_folder_as_json(id, name) for id, name in call.account.lists.folders.items()]
    return Answer(200, {"folders": call.sorted_page(rows, 10, 50), "count": len(rows)})


def create_folder(call: Call) -> Answer:
    if not call.body.get("name"):
        raise missing("name is missing")
    with call.account.lock:
        return Answer(201, {"id": call.account.lists.add_folder(call.body["name"])})


def get_folder(call: Call) -> Answer:
    id = _number(call.path["folder_id"])
    with call.account.lock:
        return Answer(200, _folder_as_json(id, call.account.lists.folder(id)))


def update_folder(call: Call) -> Answer:
    id = _number(call.path["folder_id"])
    if not call.body.get("name"):
        raise missing("name is missing")
    with call.account.lock:
        call.account.lists.folder(id)
        call.account.lists.folders[id] = call.body["name"]
    return Answer(204)


def delete_folder(call: Call) -> Answer:
    id = _number(call.path["folder_id"])
    with call.account.lock:
        lists = call.account.lists
        lists.folder(id)
        for lst in [lst for lst in lists.all() if lst.folder_id == id]:
            _remove(call, lst)
        del lists.folders[id]
    return Answer(204)


def get_lists(call: Call) -> Answer:
    with call.account.lock:
        kept = call.account.lists.all()
        if "folder_id" in call.path:
            folder = _number(call.path["folder_id"])
            call.account.lists.folder(folder)
            kept = [lst for lst in kept if lst.folder_id == folder]
        page = [_as_json(call, lst) for lst in call.sorted_page(kept, 10, 50)]
    return Answer(200, {"lists": page, "count": len(kept)})


def create_list(call: Call) -> Answer:
    with call.account.lock:
        return Answer(201, {"id": call.account.lists.create(call.body["name"], call.body["folderId"], call.now)})


def update_list(call: Call) -> Answer:
    if len(call.body) != 1:
        raise missing("Either name or folderId is required")
    with call.account.lock:
        lst = call.account.lists.get(_number(call.path["list_id"]))
        if "folderId" in call.body:
            call.account.lists.folder(call.body["folderId"])
        lst.name = call.body.get("name", lst.name)
        lst.folder_id = call.body.get("folderId", lst.folder_id)
    return Answer(204)


def _remove(call: Call, lst: ContactList) -> None:
    """The contacts stay; they are only no longer in the list."""
    for contact in call.account.contacts.all():
        contact.list_ids.discard(lst.id)
    call.account.lists.remove(lst.id)


def delete_list(call: Call) -> Answer:
    with call.account.lock:
        _remove(call, call.account.lists.get(_number(call.path["list_id"])))
    return Answer(204)


def get_list(call: Call) -> Answer:
    with call.account.lock:
        lst = call.account.lists.get(_number(call.path["list_id"]))
        return Answer(200, {**_as_json(call, lst), "createdAt": moments.api(lst.created_at)})


def get_members(call: Call) -> Answer:
    since = call.moment("modifiedSince")
    with call.account.lock:
        lst = call.account.lists.get(_number(call.path["list_id"]))
        kept = [
            contact
            for contact in call.account.contacts.all()
            if lst.id in contact.list_ids and (since is None or contact.modified_at >= since)
        ]
        page = [contact.as_json() for contact in call.sorted_page(kept, 50, 500)]
    return Answer(200, {"contacts": page, "count": len(kept)})


def _named(call: Call) -> list[tuple[Any, Contact | None]]:
    book, body = call.account.contacts, call.body
    names = ("emails", "ids", "extIds")
    given = [key for key in names if body.get(key)]
    if len(given) != 1:
        raise missing("One of emails, ids or extIds is required")
    values = body[given[0]]
    if len(values) > MOST_AT_ONCE:
        raise Refusal(400, "out_of_range", f"At most {MOST_AT_ONCE} contacts can be passed")
    match given[0]:
        case "emails":
            return [(value, book.owner("EMAIL", normal("EMAIL", value))) for value in values]
        case "ids":
            return [(value, book.by_id(value)) for value in values]
    return [(value, book.owner("EXT_ID", value)) for value in values]


def _changed(call: Call, *, add: bool) -> Answer:
    with call.account.lock:
        lst = call.account.lists.get(_number(call.path["list_id"]))
        if call.body.get("all") and not add:
            rows: list[tuple[Any, Contact | None]] = [(c.id, c) for c in call.account.contacts.all()]
        else:
            rows = _named(call)
        success, failure = [], []
        for value, contact in rows:
            if contact is None or (lst.id in contact.list_ids) == add:
                failure.append(value)
                continue
            (contact.list_ids.add if add else contact.list_ids.discard)(lst.id)
            success.append(value)
            if add:
                call.platform.webhooks.joined(call.account, contact, [lst.id], call.now, call.writer)
    if not success:
        raise Refusal(400, "invalid_parameter", "Contact already in list and/or does not exist")
    return Answer(201, {"contacts": {"success": success, "failure": failure, "total": len(success)}})


def add_members(call: Call) -> Answer:
    return _changed(call, add=True)


def remove_members(call: Call) -> Answer:
    return _changed(call, add=False)


ROUTES = [
    Route("GET", "/contacts/folders", get_folders),
    Route("POST", "/contacts/folders", create_folder, FOLDER),
    Route("GET", "/contacts/folders/<folder_id>", get_folder),
    Route("PUT", "/contacts/folders/<folder_id>", update_folder, FOLDER),
    Route("DELETE", "/contacts/folders/<folder_id>", delete_folder),
    Route("GET", "/contacts/folders/<folder_id>/lists", get_lists),
    Route("GET", "/contacts/lists", get_lists),
    Route("POST", "/contacts/lists", create_list, LIST),
    Route("GET", "/contacts/lists/<list_id>", get_list),
    Route("PUT", "/contacts/lists/<list_id>", update_list, LIST_UPDATE),
    Route("DELETE", "/contacts/lists/<list_id>", delete_list),
    Route("GET", "/contacts/lists/<list_id>/contacts", get_members),
    Route("POST", "/contacts/lists/<list_id>/contacts/add", add_members, LIST_ADD),
    Route("POST", "/contacts/lists/<list_id>/contacts/remove", remove_members, LIST_REMOVE),
]
