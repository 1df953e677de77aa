"""Every act leaves exactly one line in the audit log, in the transaction of the act."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from connector import audit
from connector.admin.access import ROUTES
from connector.models.inbox import inbox
from connector.models.outbox import outbox
from connector.models.shop import shops
from sync import reruns
from tests.admin.office import APP_KEY, APP_SECRET, Office, furnish, staffed
from tests.admin.programs import program
from tests.admin.routes import address, rules, state
from tests.engine.installation import Installation, installation
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import SHOP

# Endpoint -> the form, the act that is noted, and what it is about. An act on no shop is noted at the installation.
ACTS: dict[str, tuple[Any, str, str]] = {
    "admin.reveal": (lambda desk: {}, "person.reveal", "person"),
    "admin.keep_apart": (lambda desk: {"conflict": desk.conflict}, "person.keep_apart", "person"),
    "admin.merge": (lambda desk: {"conflict": desk.conflict}, "person.merge", "person"),
    "admin.suppress_person": (lambda desk: {"channel": "email", "why": "ours"}, "person.suppress", "person"),
    "admin.lift_suppression": (lambda desk: desk.suppressed("sunset"), "person.lift", "person"),
    "admin.export_person": (lambda desk: {}, "person.export_start", "person"),
    "admin.download_export": (lambda desk: desk.exported(), "person.export", "person"),
    "admin.erase_person": (lambda desk: {"typed": f"erase {desk.person}"}, "person.erase", "person"),
    "admin.start_sync": (lambda desk: {"entity": "contact", "person": desk.person}, "sync.start", "sync_run"),
    "admin.find_gaps": (lambda desk: {}, "reconcile.start", "gap_report"),
    "admin.stop_sync": (lambda desk: {}, "sync.stop", "sync_run"),
    "admin.resume_sync": (lambda desk: desk.sync_is("stopped"), "sync.resume", "sync_run"),
    "admin.see_alert": (lambda desk: {}, "alert.see", "alert"),
    "admin.retry_sync": (lambda desk: {"record": 7001}, "sync.start", "sync_run"),
    "admin.start_backfill": (lambda desk: desk.backfill(None), "backfill.start", "backfill"),
    "admin.stop_backfill": (lambda desk: desk.backfill("running"), "backfill.stop", "backfill"),
    "admin.resume_backfill": (lambda desk: desk.backfill("stopped"), "backfill.resume", "backfill"),
    "admin.retry_backfill": (lambda desk: desk.unread("customers", 7), "sync.start", "sync_run"),
    "admin.retry_standing": (lambda desk: {"kind": "records"}, "sync.start", "sync_run"),
    "admin.start_arming": (lambda desk: {"signal": "lapsed", "daily": 5}, "arming.start", "arming"),
    "admin.stop_arming": (lambda desk: {}, "arming.stop", "arming"),
    "admin.replay_delivery": (lambda desk: {}, "delivery.replay", "delivery"),
    "admin.replay_deliveries": (lambda desk: {"state": "quarantined"}, "delivery.replay", "delivery"),
    "admin.resend_webhook": (lambda desk: {}, "webhook.resend", "webhook endpoint"),
    "admin.set_rate": (lambda desk: {"currency": "usd", "counted_in": "chf", "rate": "0,9"}, "currency.set", "rates"),
    "admin.make_coupon_pool": (lambda desk: {"name": "summer", "percent": "20"}, "coupons.make", "coupon pool"),
    "admin.test_webhook": (lambda desk: {}, "webhook.test", "webhook endpoint"),
    "admin.disable_webhook": (lambda desk: {}, "webhook.disable", "webhook endpoint"),
    "admin.remove_webhook": (lambda desk: {}, "webhook.remove", "webhook endpoint"),
    "admin.resume_channel": (lambda desk: {}, "channel.resume", "channel"),
    "admin.tick_checklist": (lambda desk: {"item": "shopify.welcome", "done": "true"}, "checklist.tick", "checklist"),
    "admin.pause_flow": (lambda desk: {}, "flow.pause", "flow"),
    "admin.resume_flow": (lambda desk: desk.flow_is("paused"), "flow.resume", "flow"),
    "admin.archive_flow": (lambda desk: {}, "flow.archive", "flow"),
    "admin.remove_from_flow": (lambda desk: {}, "flow.remove", "flow"),
    "admin.sign_out": (lambda desk: {}, "session.end", "staff"),
}
# Their answer is a page, or a file.
SHOWING = {"admin.reveal", "admin.download_export", "admin.test_webhook"}
# Changes nothing; signing in, connecting Brevo, the set-up and taking a mapping have tests of their own.
OTHERS = {
    # tests/admin/test_tasks.py, test_settings.py, test_staff_pages.py and test_keys_page.py look at theirs.
    "admin.close_task", "admin.reopen_task", "admin.assign_task", "admin.save_setting", "admin.save_owner_setting",
    "admin.set_sender", "admin.preview_setting", "admin.change_attribute", "admin.create_key", "admin.revoke_key",
    "admin.invite", "admin.new_password", "admin.accept_invitation", "admin.change_staff", "admin.remove_staff",
    "admin.end_sessions",
    # tests/admin/test_second_factor.py looks at theirs.
    "admin.prove", "admin.confirmed", "admin.begin_second_factor", "admin.finish_second_factor",
    "admin.renew_recovery_codes", "admin.drop_second_factor", "admin.reset_second_factor",
    # tests/admin/test_drafts.py looks at their lines.
    "admin.begin_draft", "admin.upload_draft", "admin.edit_flow", "admin.save_draft", "admin.add_draft_file",
    "admin.remove_draft_file", "admin.drop_draft", "admin.test_draft", "admin.publish_draft", "admin.roll_back",
    "admin.try_draft",
    # tests/admin/test_webhook_pages.py and test_rates_and_codes.py look at theirs.
    "admin.import_rates", "admin.remove_rate", "admin.resize_coupon_pool", "admin.read_whatsapp_templates",
    "admin.import_loyalty",
    "admin.add_webhook", "admin.name_webhook", "admin.renew_webhook_secret", "admin.enable_webhook",
    "admin.preview_sync", "admin.preview_arming", "admin.check_mapping", "admin.preview_mapping", "admin.set_mapping",
    "admin.enter", "admin.connect_brevo", "admin.finish_brevo",
    "admin.begin_starters", "admin.test_message", "admin.activate_starter",
}  # fmt: skip


def test_the_acts_are_all_that_can_be_done(office: Office) -> None:
    assert set(ACTS) | OTHERS == {rule.endpoint for rule, method in rules(office) if method != "GET"}


@pytest.mark.parametrize("endpoint", ACTS)
def test_an_act_leaves_one_line(office: Office, endpoint: str) -> None:
    (mine, theirs), fields = office.desks, ACTS[endpoint][0]
    browser = office.browser(staffed(office)["owner"])
    shop_id = audit.INSTALLATION if endpoint == "admin.sign_out" else mine.shop.id
    before = len(office.lines(shop_id))
    ((rule, _),) = [(rule, method) for rule, method in rules(office) if rule.endpoint == endpoint and method == "POST"]
    answer = browser.post(address(office, rule, mine, mine), **fields(mine))
    assert answer.status_code == (200 if endpoint in SHOWING else 303), answer.text
    lines = office.lines(shop_id)
    assert len(lines) == before + 1
    line = lines[0]
    _, act, kind = ACTS[endpoint]
    assert (line.act, line.object_kind) == (act, kind)
    assert line.actor.startswith("staff:") and line.at == office.installation.now
    assert office.lines(theirs.shop.id) == []
    assert "ann.bell" not in str(lines) and "@" not in str(lines)


def test_what_is_not_done_leaves_no_line(office: Office) -> None:
    (mine, _) = office.desks
    browser = office.browser(office.hire("owner"))
    before = state(office)
    assert browser.post(f"{mine.path}/channels/sms/resume").status_code == 404
    assert browser.post(f"{mine.path}/syncs/{mine.run}/stop").status_code == 303
    assert browser.post(f"{mine.path}/syncs", entity="contact").status_code == 422
    assert browser.post(f"{mine.path}/syncs", entity="contact", who="nobody at all").status_code == 422
    assert browser.post(f"{mine.path}/syncs", entity="flows", person=mine.person).status_code == 422
    # One of this entity is under way.
    assert browser.post(f"{mine.path}/syncs", entity="orders", person=mine.person).status_code == 422
    assert state(office) == before


def test_a_delivery_is_applied_again(office: Office) -> None:
    (mine, _) = office.desks
    browser = office.browser(staffed(office)["support"])
    path = f"{mine.path}/deliveries/{mine.delivery}"
    shown = browser.get(path).text
    assert "Not a valid address" in shown and "ann@example.com" not in shown and "call me" not in shown
    answer = browser.post(f"{path}/replay")
    assert "back in the line" in browser.get(answer.location).text
    row = mine.shop.one(inbox, id=mine.delivery)
    assert (row.state, row.replays) == ("new", 1)


def test_a_channel_goes_on(office: Office) -> None:
    (mine, theirs) = office.desks
    browser = office.browser(staffed(office)["editor"])
    assert "No credits" in browser.get(f"{mine.path}/standing").text
    browser.post(f"{mine.path}/channels/email/resume")
    assert "Nothing is paused." in browser.get(f"{mine.path}/standing").text
    owner = office.browser(office.hire("owner", email="all@office.example"))
    assert "No credits" in owner.get(f"{theirs.path}/standing").text


def test_two_that_contradict_become_one_or_stay_two(office: Office) -> None:
    (mine, theirs) = office.desks
    browser = office.browser(office.hire("editor"))
    page = f"{mine.path}/people/{mine.person}"
    assert "may be the same person" in browser.get(page).text
    assert browser.post(f"{page}/keep-apart", conflict=mine.conflict).status_code == 303
    assert "may be the same person" not in browser.get(page).text
    assert browser.post(f"{page}/merge", conflict=mine.conflict).status_code == 404
    other = f"{theirs.path}/people/{theirs.person}"
    kept = browser.post(f"{other}/merge", conflict=theirs.conflict).location
    assert kept.startswith(other)
    assert "Merged with" in browser.get(other).text
    gone = f"{theirs.path}/people/{theirs.person + 1}"
    assert "turned out to be somebody we knew already" in browser.get(gone).text


def test_a_sync_is_asked_for_stopped_and_retried(office: Office) -> None:
    (mine, _) = office.desks
    browser = office.browser(staffed(office)["support"])
    started = browser.post(f"{mine.path}/syncs", entity="contact", who="#1001").location
    page = browser.get(started).text
    assert "Waits for its turn" in page and 'hx-trigger="every 2s"' in page and "contact of person" in page
    assert browser.get(f"{started}/progress").headers.get("HX-Location") is None
    run_id = int(started.rpartition("/")[2])
    with office.transaction() as connection:
        assert reruns.progress(connection, mine.shop.id, run_id).what == reruns.What("contact", mine.person)
    browser.post(f"{started}/stop")
    assert "Being stopped" in browser.get(started).text
    ended = browser.get(f"{mine.path}/syncs/{mine.run}").text
    assert "400 invalid" in ended and "Try all of these again" in ended and "hx-trigger" not in ended
    ended_path = f"{mine.path}/syncs/{mine.run}"
    assert browser.get(f"{ended_path}/progress").headers["HX-Location"] == ended_path


def test_a_message_tells_why_it_was_not_sent(office: Office) -> None:
    (mine, _) = office.desks
    assert mine.shop.one(outbox).state == "failed"
    page = office.browser(office.hire("owner")).get(f"{mine.path}/people/{mine.person}").text
    for words in ("Hello", "Refused", "An order was placed", "Evidence (1)", "#1001", "contact", "400"):
        assert words in page, words


# --- with Brevo


@pytest.fixture
def connected(database_url: str, redis_url: str, tmp_path: Path, provider: Provider) -> Iterator[Office]:
    app: dict[str, Any] = {"shopify_api_key": APP_KEY, "shopify_api_secret": APP_SECRET}
    with installation(database_url, redis_url, tmp_path, provider, **app) as made:
        yield Office(made, [furnish(made, SHOP, number=1)])


def test_brevo_is_connected_to_a_shop_that_has_none(connected: Office) -> None:
    (mine,) = connected.desks
    product: Installation = connected.installation
    with connected.transaction() as connection:
        connection.execute(update(shops).where(shops.c.id == mine.shop.id).values(state="installed", brevo_key=None))
    browser = connected.browser(connected.hire("owner"))
    assert "Connect Brevo" in browser.get(f"{mine.path}/").text
    wrong = browser.post(f"{mine.path}/brevo", key="xkeysib-nobody-has-this")
    assert wrong.status_code == 422 and "does not accept this key" in wrong.text
    assert connected.lines(mine.shop.id) == []
    assert product.provider is not None
    key = product.provider.account("xkeysib-of-this-test", tier="extended").key
    done = browser.post(f"{mine.path}/brevo", key=key)
    assert done.status_code == 200 and "Brevo is connected" in done.text and key not in done.text, done.text
    assert mine.shop.installation.deps.engine is product.deps.engine
    with connected.transaction() as connection:
        row = connection.execute(shops.select().where(shops.c.id == mine.shop.id)).one()
    assert row.state == "active" and key not in row.brevo_key
    *drafts, line = connected.lines(mine.shop.id)
    assert (line.act, line.detail) == ("brevo.connect", {"state before": "installed", "credential": "key"})
    # The first flows come along and send nothing yet.
    assert {(one.act, one.object_id, one.detail["status"]) for one in drafts} == {
        ("flow.publish", "welcome", "draft"), ("flow.publish", "cart-recovery", "draft")
    }  # fmt: skip


def test_a_program_connects_brevo_and_the_key_is_never_given_back(
    connected: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """As the page does, by the same act."""
    (mine,) = connected.desks
    product = connected.installation
    assert product.provider is not None
    key = product.provider.account("xkeysib-of-a-program", tier="extended").key
    owner = program(connected, mine, "owner")
    with caplog.at_level("DEBUG"):
        wrong = owner.post("brevo", {"key": "xkeysib-nobody-has-this"})
        assert wrong.status_code == 422 and "does not accept this key" in wrong.json["detail"]
        short = owner.post("brevo", {"key": "x"})
        assert short.json["errors"][0]["pointer"] == "/key", short.text
        assert [line.act for line in connected.lines(mine.shop.id)] == ["api_key.create"]
        done = owner.post("brevo", {"key": key, "sender": "tea@shop.example"})
        assert done.status_code == 200 and done.json["state"] == "active", done.text
        told = owner.get("brevo")
    assert any("tea@shop.example is no active sender" in line for line in done.json["said"])
    assert (told.json["connected"], told.json["credential"]) == (True, "key")
    assert told.json["sender"]["email"] == "tea@shop.example"
    assert {"brevo", "email", "sms"} <= {one["name"] for one in told.json["capabilities"]}
    line = connected.lines(mine.shop.id)[-2]
    assert (line.act, line.detail["credential"]) == ("brevo.connect", "key") and line.actor.startswith("api-key:")
    everything = [done.text, told.text, wrong.text, short.text, caplog.text, str(connected.lines(mine.shop.id))]
    assert not any(one in text for text in everything for one in (key, "xkeysib-nobody-has-this"))
    assert owner.post("brevo/agreed", {"code": "c", "state": "s"}).status_code == 404, "only who asked finishes it"
    assert program(connected, mine, "editor").get("brevo").status_code == 403


def test_signing_in_is_noted_and_failing_to_is_not(office: Office) -> None:
    email = office.hire("owner")
    before = len(office.lines())
    office.browser().sign_in(email, "wrong password")
    assert len(office.lines()) == before
    office.browser(email)
    assert office.lines()[0].act == "session.begin" and len(office.lines()) == before + 1


def test_all_routes_of_acts_are_posts(office: Office) -> None:
    """GET never changes anything: every page asked once, and the tables are as before."""
    (mine, _) = office.desks
    browser = office.browser(office.hire("owner"))
    before = state(office)
    for rule, method in rules(office):
        if method == "GET" and ROUTES[rule.endpoint] != "nobody":
            browser.get(address(office, rule, mine, mine))
    assert state(office) == before
