"""Pages of a shop show times on the shop's clocks and take them so; keys of the API are told UTC."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, update

from connector.admin import shown
from connector.admin.acts import syncs as acts
from connector.models.alert import alerts
from connector.models.outbox import outbox
from connector.models.rerun import sync_runs
from connector.models.shop import shops
from sync.reruns import Preview, Record
from tests.admin.office import Desk, Office
from tests.admin.programs import program
from tests.content.mailbox import visible_text

# Where it is the evening of the fifth.
AT = datetime(2026, 11, 6, 4, 30, tzinfo=UTC)


@pytest.fixture
def desk(office: Office) -> Desk:
    """A shop in Los Angeles of which a message left and an alert was raised on the evening of the fifth."""
    (desk, _) = office.desks
    moved = {"created_at": AT, "due_at": AT, "sent_at": AT, "state": "sent"}
    desk.shop.change(outbox, moved, id=desk.message)
    with office.transaction() as connection:
        connection.execute(update(shops).where(shops.c.id == desk.shop.id).values(timezone="America/Los_Angeles"))
        connection.execute(
            insert(alerts).values(
                shop_id=desk.shop.id, kind="silent_webhooks", subject="orders", detail={}, tone="warning",
                sentence="Nothing has come since 2026-11-06 04:30 UTC.", raised_at=AT, found_at=AT, mail_tries=0,
            )
        )  # fmt: skip
    return desk


def read(page: str) -> str:
    return " ".join(visible_text(page.replace("<", " <")).split())


@pytest.mark.parametrize(
    ("timezone", "said"),
    [("America/Los_Angeles", "2026-11-05 20:30"), ("UTC", "2026-11-06 04:30"), (None, "2026-11-06 04:30 UTC")],
)
def test_a_moment_is_said_on_the_clocks_of_a_place_or_names_utc(timezone: str | None, said: str) -> None:
    assert shown.moment(AT, timezone) == said
    sentence = "From 2026-11-06 04:30 UTC on, and not 2026-11-06 04:30 or 2026-11-06."
    once = shown.told(sentence, lambda at: shown.moment(at, timezone))
    assert once == f"From {said} on, and not 2026-11-06 04:30 or 2026-11-06."
    assert shown.told(None, lambda at: "never") == ""


def test_times_of_a_shops_pages_are_those_of_its_clocks(office: Office, desk: Desk) -> None:
    owner = office.browser(office.hire("owner"))
    listed = owner.get(f"{desk.path}/messages?day=2026-11-05").text
    assert '<time datetime="2026-11-06T04:30:00+00:00" class="nobreak">2026-11-05 20:30</time>' in listed
    assert "Times are those of the shop, in America/Los_Angeles." in read(listed)
    # The control: by the clocks of London it is another day, which is neither shown nor found.
    assert "2026-11-06 04:30" not in read(listed)
    assert f"/messages/{desk.message}" not in owner.get(f"{desk.path}/messages?day=2026-11-06").text
    assert "Nothing has come since 2026-11-05 20:30." in read(owner.get(f"{desk.path}/alerts").text)
    # What is of no shop says that it is UTC, and so does what programs are told.
    assert " UTC" in read(owner.get("/admin/installation").text)
    one = program(office, desk, "owner").get(f"messages/{desk.message}").json
    assert str(one["sent_at"]).startswith("2026-11-06T04:30") and "20:30" not in str(one)


def test_a_time_that_is_entered_is_one_of_the_shops_clocks(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = office.browser(office.hire("owner"))
    assert read(owner.get(f"{desk.path}/syncs").text).count("In America/Los_Angeles.") == 2
    found = Record(1, "Order #1", None, False, "there", ())
    monkeypatch.setattr(acts, "preview", lambda deps, shop, what: Preview(what, 1, True, (found,), ()))
    # That night has half past one twice: the second of them is asked for by its zone.
    asked = {"entity": "products", "since": "2026-11-01T01:30:00-08:00", "until": "2026-11-05T20:30"}
    page = owner.post(f"{desk.path}/syncs/preview", **asked).text
    assert "products changed from 2026-11-01 01:30 to 2026-11-05 20:30" in read(page)
    hidden = dict(re.findall(r'name="(since|until)" value="([^"]+)"', html.unescape(page)))
    assert hidden == {"since": "2026-11-01T09:30:00+00:00", "until": "2026-11-06T04:30:00+00:00"}
    assert owner.post(f"{desk.path}/syncs", **{**asked, **hidden}).status_code == 303
    assert [run.what for run in desk.shop.rows(sync_runs) if run.entity == "products"] == [hidden]
    refused = owner.post(f"{desk.path}/syncs", entity="orders", since="9999-12-31T23:59")
    assert refused.status_code == 422 and "There is no such time" in html.unescape(refused.text)
