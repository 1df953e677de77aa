"""Deliveries, what endpoints were told, and armings are read page by page, by staff and by programs alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from sqlalchemy import insert

from connector import paging
from connector.models.arming import armings
from connector.models.event import events
from connector.models.inbox import inbox
from connector.models.outgoing import webhook_deliveries
from tests.admin.office import Browser, Office
from tests.admin.programs import Program, program

SIZE = 3
NUMBER = 10


@pytest.fixture
def long(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """More of each than a page shows, in the first shop."""
    for area in ("deliveries", "webhooks", "arming"):
        monkeypatch.setattr(f"connector.admin.acts.{area}.SIZE", SIZE)
    monkeypatch.setattr(paging.page, "__defaults__", (SIZE,))
    (mine, _), at = office.desks, office.installation.now
    late = {"received_at": at, "received_real": at, "source": "shopify", "topic": "orders/create", "lane": "commerce"}
    states = ("poison", "quarantined", "retry")
    stopped = [
        {**late, "external_id": f"n{n}", "state": states[n % 3], "raw": b"{}", "headers": {}, "attempts": 1}
        for n in range(NUMBER)
    ]
    facts = [uuid5(NAMESPACE_URL, f"a list {n}") for n in range(NUMBER)]
    happened = {"occurred_at": at, "name": "order_placed", "subject": "order:1", "source": "shopify", "props": {}}
    told = [{**happened, "id": fact, "historical": False, "received_at": at} for fact in facts]
    sent = {"endpoint_id": mine.endpoint, "occurred_at": at, "made_real": at, "due_real": at, "attempts": 0, "tries": 0}
    due = [{**sent, "event_id": fact, "state": ("failed", "delivered")[n % 2]} for n, fact in enumerate(facts)]
    zeros = dict.fromkeys(("cursor", "in_time", "late", "moved", "running", "told", "left_out", "taken_back"), 0)
    asked = {"signal": "lapsed", "state": "done", "asked_by": "cli", "asked_at": at, **zeros}
    with office.transaction() as connection:
        for table, rows in ((inbox, stopped), (events, told), (webhook_deliveries, due), (armings, [asked] * NUMBER)):
            connection.execute(insert(table), [{"shop_id": mine.shop.id, **row} for row in rows])
    return office


def by_program(asking: Program, path: str) -> Iterator[list[int]]:
    """The numbers on each page."""
    after = ""
    while True:
        answer: Any = asking.get(path + after).json
        listed = answer.get("deliveries", answer)
        yield [row["id"] for row in listed["rows"]]
        if listed["next"] is None:
            return
        after = f"{'&' if '?' in path else '?'}after={listed['next']}"


def by_page(reader: Browser, path: str) -> Iterator[list[int]]:
    """The same on the pages for staff: the numbers in the first column, or how many lines there are."""
    while True:
        shown = reader.get(path).text
        heads = re.findall(r'<th scope="row">(?:<a href="[^"]*">)?([^<]+)<', shown)
        yield [int(one) if one.isdecimal() else 0 for one in heads]
        following = re.search(r'rel="next" href="([^"]+)"', shown)
        if following is None:
            return
        path = following[1].replace("&amp;", "&")


def test_every_row_is_on_one_page_in_its_order(long: Office) -> None:
    (mine, _) = long.desks
    asking, reader = program(long, mine, "owner"), long.browser(long.hire("owner", [mine.shop.id]))
    endpoint = f"webhooks/{mine.endpoint}"
    lists = {"deliveries": NUMBER + 1, "deliveries?state=retry": 3, endpoint: NUMBER + 1,
             f"{endpoint}?state=failed": 6, "arming": NUMBER + 1}  # fmt: skip
    for path, number in lists.items():
        pages = list(by_program(asking, path))
        rows = [row for page in pages for row in page]
        assert len(rows) == number and rows == sorted(set(rows), reverse=True), path
        assert [len(page) for page in pages[:-1]] == [SIZE] * (-(-number // SIZE) - 1), path
        shown = list(by_page(reader, f"{mine.path}/{path}"))
        # Of an arming its signal stands there.
        assert shown == ([[0] * len(page) for page in pages] if path == "arming" else pages), path
    for path in lists:
        assert asking.get(f"{path}{'&' if '?' in path else '?'}after=nonsense").status_code == 422
        assert reader.get(f"{mine.path}/{path}{'&' if '?' in path else '?'}after=nonsense").status_code == 422
