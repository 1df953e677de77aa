"""What a survey of a Brevo account reads, stage by stage: opt-outs first, because everything waits for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from connector.brevo.client import BrevoAccount
from connector.brevo.contact_calls import CONTACTS_PAGE
from connector.brevo.template_calls import BLOCKED_PAGE, TEMPLATES_PAGE
from connector.install import blocklists, holdings
from connector.install.blocklists import Blocked
from connector.install.surveyed import Survey
from connector.shops import Shop
from sync.address_opt_outs import OptOut

# A page of contacts repeats the end of the one before: pages are counted from the beginning, and a contact that is
# deleted meanwhile moves all that come after it.
_OVERLAP = 25


@dataclass(frozen=True)
class Page:
    """What a step has read. ``next``: the place of the next step of this stage, None when it is over."""

    next: int | None = None
    read: int = 0
    total: int = 0
    opt_outs: Sequence[OptOut] = ()
    blocked: Sequence[Blocked] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)
    templates: Sequence[Mapping[str, Any]] = ()


def _contacts(account: BrevoAccount, shop: Shop, held: Survey) -> Page:
    rows, total = account.contacts(held.place, held.since)
    read = held.place + len(rows)
    told = blocklists.of_contacts(rows, held.began_at, dated=not held.first, list_id=shop.settings["contact_list"])
    # Without what the answer says of the whole: whoever comes meanwhile is on the last page.
    more = len(rows) == CONTACTS_PAGE
    return Page(read - _OVERLAP if more else None, read, total, told)


def _blocked(account: BrevoAccount, shop: Shop, held: Survey) -> Page:
    rows, total = account.blocked_contacts(held.place)
    read = held.place + len(rows)
    told, blocked = blocklists.of_blocked(rows, held.began_at)
    reasons = Counter(str((one.get("reason") or {}).get("code")) for one in rows)
    return Page(read if len(rows) == BLOCKED_PAGE else None, read, total, told, blocked, reasons)


def _templates(account: BrevoAccount, shop: Shop, held: Survey) -> Page:
    rows = account.templates(held.place)
    read = held.place + len(rows)
    kept = [
        {
            "id": int(one["id"]),
            "name": str(one.get("name") or ""),
            "subject": str(one.get("subject") or ""),
            "active": one.get("isActive") is True,
            "double_opt_in": one.get("doiTemplate") is True,
            "read_at": held.began_at,
        }
        for one in rows
        if isinstance(one.get("id"), int)
    ]
    return Page(read if len(rows) == TEMPLATES_PAGE else None, read, read, templates=kept)


def _held_there(read: Callable[[BrevoAccount], Mapping[str, Any]]) -> Callable[[BrevoAccount, Shop, Survey], Page]:
    return lambda account, shop, held: Page(found=read(account))


@dataclass(frozen=True)
class Stage:
    """``bucket``: of its first call. ``read`` makes its calls and raises ProviderError."""

    bucket: str
    read: Callable[[BrevoAccount, Shop, Survey], Page]


STAGES: Mapping[str, Stage] = {
    "contacts": Stage("contacts", _contacts),
    "blocked": Stage("email", _blocked),
    "account": Stage("other", _held_there(holdings.account)),
    "lists": Stage("contacts", _held_there(holdings.lists)),
    "senders": Stage("other", _held_there(holdings.senders)),
    "webhooks": Stage("other", _held_there(holdings.webhooks)),
    "templates": Stage("smtp", _templates),
}
FIRST, *_ = STAGES
AFTER = dict(pairwise(STAGES))
"""{stage: the next}"""
