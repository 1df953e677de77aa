"""Exchange rates, pools of discount codes and WhatsApp templates in the admin."""

from __future__ import annotations

import io
import re
from decimal import Decimal

import pytest
from sqlalchemy import insert

from connector.models.coupon import coupon_pools, coupons
from connector.models.currency import currency_rates
from flows.channels import whatsapp_templates
from flows.channels.whatsapp_templates import Template
from sync.coupons import pools
from sync.currency import ALWAYS
from tests.admin.office import Office, staffed
from tests.admin.programs import program
from tests.content.mailbox import visible_text


def test_rates_are_given_replaced_on_purpose_and_taken_back(office: Office) -> None:
    (mine, theirs) = office.desks
    editor = office.browser(staffed(office)["editor"])
    page = f"{mine.path}/rates"
    assert "1 AUD = 1 NZD" in editor.get(page).text
    kept = editor.post(page, currency="usd", counted_in="chf", rate="0,92", since="2026-11-01")
    assert kept.status_code == 303 and "1 USD = 0.92 CHF" in editor.get(kept.location).text
    # Somebody else has given another meanwhile: nothing is overwritten unless that is said.
    pair = {"currency": "USD", "counted_in": "CHF", "since": "2026-11-01"}
    told = editor.post(page, rate="0.5", **pair)
    assert told.status_code == 422 and "is 0.92 CHF since 2026-11-01 already" in told.text
    assert mine.shop.one(currency_rates, counted_in="CHF").rate == Decimal("0.92")
    assert editor.post(page, rate="0.5", replace="true", **pair).status_code == 303
    assert editor.post(page, currency="USD", counted_in="USD", rate="1").status_code == 422
    file = b"date,currency,rate\n2026-11-02,USD,0.6\n2026-11-02,GBP,1.1\n"
    brought = editor.post(f"{page}/file", counted_in="chf", file=(io.BytesIO(file), "rates.csv"))
    assert brought.status_code == 303, brought.text
    assert len(mine.shop.rows(currency_rates, counted_in="CHF")) == 3
    for wrong, said in ((b"a,b\n1,2\n", "date,currency,rate"), (b"\xff\xfe\x00", "no text"), (b"", "Choose a file")):
        answer = editor.post(f"{page}/file", counted_in="CHF", file=(io.BytesIO(wrong), "rates.csv"))
        assert answer.status_code == 422 and said in visible_text(answer.text), (wrong, answer.text)
    # By the rate that was shown: one that is another by now stays.
    assert editor.post(f"{page}/remove", rate="0.92", **pair).status_code == 404
    assert editor.post(f"{page}/remove", rate="0.5", **pair).status_code == 303
    assert {row.currency for row in mine.shop.rows(currency_rates, counted_in="CHF")} == {"USD", "GBP"}
    assert theirs.shop.rows(currency_rates, counted_in="CHF") == []
    acts = [line.act for line in reversed(office.lines(mine.shop.id))]
    assert acts == ["currency.set", "currency.set", "currency.set", "currency.remove"]


def test_a_program_gives_rates_and_reads_them_page_by_page(office: Office) -> None:
    (mine, _) = office.desks
    editor = program(office, mine, "editor")
    row = {"shop_id": mine.shop.id, "rate": 1, "set_by": "cli", "set_at": office.installation.now, "since": ALWAYS}
    names = [f"{first}{second}X" for first in "ABCDEFGH" for second in "ABCDEFGH"]
    with office.transaction() as connection:
        connection.execute(insert(currency_rates), [{**row, "currency": one, "counted_in": "EUR"} for one in names])
    assert editor.post("rates", {"currency": "USD", "counted_in": "EUR", "rate": 0.9}).json == {"kept": 1, "woken": 0}
    first = editor.get("rates").json
    assert first["rows"][0] == {"currency": "USD", "counted_in": "EUR", "rate": "0.900000000000", "since": None}
    second = editor.get(f"rates?after={first['next']}").json
    told = [one["currency"] for one in first["rows"] + second["rows"]]
    assert sorted(told) == sorted([*names, "AUD", "USD"]) and second["next"] is None
    lines = "date,currency,rate\n2026-11-02,USD,0.6"
    assert editor.post("rates/file", {"counted_in": "EUR", "text": lines}).json["kept"] == 1


def test_a_pool_is_made_once_and_tells_what_is_left(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    (mine, theirs) = office.desks
    editor = office.browser(staffed(office)["editor"])
    page = f"{mine.path}/coupon-pools"
    neither = editor.post(page, name="summer")
    assert neither.status_code == 422 and "per cent, or an amount" in neither.text
    for amount in ("1e999999999", "0.001", "-5", "much"):
        assert editor.post(page, name="summer", amount=amount).status_code == 422, amount
    made = editor.post(page, name="summer", percent="20", prefix="sun", ends="2030-01-01", size="3")
    assert made.status_code == 303 and "being made" in editor.get(made.location).text
    row = mine.shop.one(coupon_pools, name="summer")
    assert (row.name, row.prefix, row.size, row.terms["percent"], row.collection) == ("summer", "SUN", 3, 20, None)
    assert editor.post(page, name="summer", percent="30").status_code == 422, "no other discount under the same name"
    code = {
        "shop_id": mine.shop.id, "variant": 0, "pool": "summer", "terms": {}, "created_at": office.installation.now,
    }  # fmt: skip
    with office.transaction() as connection:
        for number, (state, given) in enumerate((("made", None), ("made", office.installation.now), ("stored", None))):
            connection.execute(
                insert(coupons).values({**code, "code": f"C{number}", "state": state, "given_at": given})
            )
        assert [one.left for one in pools.ready(connection, mine.shop.id, 10, "pool-1")] == [1]
        # The control: bounded, so that a pool of a hundred thousand costs no more than its page.
        monkeypatch.setattr(pools, "COUNTED", 0)
        assert [(one.left, one.more) for one in pools.ready(connection, mine.shop.id, 10, "pool-1")] == [(0, True)]
        monkeypatch.undo()
    shown = editor.get(page).text
    assert "1 of 3" in visible_text(shown) and "20 % off" in visible_text(shown)
    (_, seen) = re.findall(r'name="seen" value="([^"]+)"', shown)
    assert editor.post(f"{page}/size", name="summer", size="5", seen=seen).status_code == 303
    assert mine.shop.one(coupon_pools, name="summer").size == 5
    assert editor.post(page, name="vip", amount="5", minimum="50").status_code == 303
    assert "5.00 off, for orders of at least 50.00" in " ".join(
        visible_text(editor.get(page).text).replace("EUR ", "").split()
    )
    # The second of two is told.
    assert editor.post(f"{page}/size", name="summer", size="9", seen=seen).status_code == 409
    assert editor.post(f"{page}/size", name="winter", size="9", seen=seen).status_code == 404
    assert [line.act for line in office.lines(mine.shop.id)] == ["coupons.make", "coupons.resize", "coupons.make"]
    assert [row.name for row in theirs.shop.rows(coupon_pools)] == ["pool-2"]


def test_whatsapp_templates_are_read_by_a_button(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    (mine, _) = office.desks
    emails = staffed(office)
    page = f"{mine.path}/whatsapp-templates"
    assert "Read them now" in office.browser(emails["editor"]).get(page).text
    assert "An editor reads them" in office.browser(emails["support"]).get(page).text
    told = program(office, mine, "read-only").get("whatsapp-templates")
    assert told.json == {"rows": None, "next": None}
    found = [Template(3, "sale", "en", "MARKETING", "approved"), Template(4, "new", "en", "UTILITY", "rejected")]
    monkeypatch.setattr(whatsapp_templates, "_found", lambda brevo: {})
    monkeypatch.setattr(whatsapp_templates, "_pages", lambda brevo: found)
    assert office.browser(emails["support"]).post(page).status_code == 403
    editor = office.browser(emails["editor"])
    shown = visible_text(editor.get(editor.post(page).location).text)
    assert "Read just now" in shown and "sale 3" in shown and "rejected" in shown
    (line,) = (one for one in office.lines(mine.shop.id) if one.act == "whatsapp.read_templates")
    assert line.detail == {"templates": 2}


def test_a_loyalty_file_is_brought_in_where_files_are_believed(office: Office) -> None:
    (mine, _) = office.desks
    editor = office.browser(staffed(office)["editor"])
    setting, path = f"{mine.path}/settings/loyalty", f"{mine.path}/loyalty/file"
    file = b"email,points\nann.bell1@example.com,120\nnobody,3\n"
    # Files are not what this shop believes.
    assert f'action="{path}"' not in editor.get(setting).text
    refused = editor.post(path, file=(io.BytesIO(file), "points.csv"))
    assert refused.status_code == 422 and "Settings, Loyalty" in refused.text
    mine.shop.set(loyalty={"source": "file"})
    assert f'action="{path}"' in editor.get(setting).text
    taken = visible_text(editor.post(path, file=(io.BytesIO(file), "points.csv")).text)
    assert "1 lines are taken, 1 are not." in taken and "Lines that were not taken" in taken
    assert [line.act for line in office.lines(mine.shop.id)] == ["loyalty.import"]
    many = b"email,points\n" + b"a@example.com,1\n" * 2_002
    assert "second file" in editor.post(path, file=(io.BytesIO(many), "points.csv")).text
