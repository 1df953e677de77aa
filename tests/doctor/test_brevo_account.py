"""``connector brevo doctor``: what it says of an account, its exit code, and the probe of idempotency."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from connector.cli.brevo import brevo
from connector.models.survey import brevo_surveys
from sync import people
from tests.doctor.patient import PENDING_SENDER, Patient
from tests.sandbox.provider_process import SENDER
from tests.sandbox.store_process import SHOP


def run(patient: Patient, *arguments: str) -> Result:
    return CliRunner().invoke(brevo, [*arguments, "--shop", SHOP], obj=patient.deps.settings)


def told(patient: Patient, *arguments: str) -> dict[str, Any]:
    said = run(patient, "doctor", "--json", *arguments)
    return {"code": said.exit_code, **orjson.loads(said.stdout)}


def test_a_healthy_account_is_told_in_facts_with_exit_code_0(patient: Patient) -> None:
    said = run(patient, "doctor")
    assert said.exit_code == 0, said.output
    for words in ("plan: type subscription", "contacts: 60 in 1 s (header", "orders: 15 in 1 s (published table)",
                  "transactional email", "example.com is authenticated", SENDER, "API key", "0 broken"):  # fmt: skip
        assert words in said.output, words
    assert patient.account.key not in said.output


def test_what_needs_a_hand_is_1_and_what_cannot_be_asked_is_2(patient: Patient) -> None:
    with patient.shop(sender_email=PENDING_SENDER):
        found = told(patient)
    assert (found["code"], found["verdict"]) == (1, "needs_a_hand")
    assert {one["check"] for one in found["findings"] if one["level"] != "ok"} == {"senders"}
    wording = "We have detected you are using an unrecognised IP address 203.0.113.9"
    with patient.fault("/account", 401, wording):
        refused = run(patient, "doctor")
    assert refused.exit_code == 2
    assert wording in " ".join(refused.output.split()) and "Authorised IPs" in refused.output
    with patient.fault("/account", 503):
        assert told(patient)["code"] == 2


def test_a_domain_without_its_records_is_told_with_what_to_enter(patient: Patient) -> None:
    with patient.domain(dkim=False):
        found = told(patient)
    (finding,) = [one for one in found["findings"] if one["level"] != "ok"]
    assert finding["check"] == "domains" and "does not find DKIM" in finding["says"]
    assert "mail._domainkey" in finding["do"] and "brevo-code" not in finding["do"]


def test_values_that_brevo_has_dropped_are_found_by_reading_back(patient: Patient) -> None:
    with patient.deps.open(patient.loaded()) as scope:
        for number, city in enumerate(("Lyon", "Lille", None)):
            profile = {"customer_id": 900 + number, "city": city}
            people.identify(scope, customer_id=900 + number, email=f"read-{number}@example.com", profile=profile)
    patient.made.settle("sync")
    assert [one for one in told(patient)["findings"] if one["check"] == "values"][0]["level"] == "ok"
    # As if Brevo had taken the call and not the value.
    patient.account.put("/contacts/read-0@example.com", {"attributes": {"CITY": ""}})
    patient.account.call("DELETE", "/contacts/read-2@example.com")
    found = [one for one in told(patient)["findings"] if one["level"] != "ok"]
    assert {one["check"] for one in found} == {"values"}
    assert [one["says"] for one in found] == [
        "Brevo has dropped the values of CITY at 1 of 3 contacts.",
        "1 of 3 contacts are not at Brevo any more.",
    ]


def test_templates_that_settings_name_and_brevo_does_not_have(patient: Patient) -> None:
    choice = {"always": False, "template_id": 404, "redirection_url": None, "list_id": 1, "reminder_days": 3}
    with patient.shop(settings={"plan": "extended", "country": "US", "double_opt_in": choice}):
        found = told(patient)
    assert [one["check"] for one in found["findings"] if one["level"] != "ok"] == ["templates"]


@pytest.mark.parametrize("honoured", [True, False])
def test_the_probe_tells_whether_a_replay_is_refused_and_mails_nobody(patient: Patient, honoured: bool) -> None:
    patient.account.settings(honour_idempotency=honoured)
    found = told(patient, "--probe")
    probed = found["facts"]["idempotency"]
    assert set(probed["replays"].values()) == ({"refused"} if honoured else {"accepted again"})
    assert bool(probed["honoured"]) is honoured
    assert patient.account.log("email") == []
    with patient.deps.engine.connect() as connection:
        kept = connection.execute(brevo_surveys.select()).mappings().one()
    assert kept["idempotency"] == probed
    calls = [one for one in patient.account.log("request") if one["path"] == "/v3/smtp/email"]
    assert len(calls) == 6


def test_the_checklist_goes_by_the_flows_and_is_ticked_with_a_line_in_the_audit_log(patient: Patient) -> None:
    assert "shopify.welcome" not in run(patient, "checklist").output
    patient.publish("welcome")
    listed = run(patient, "checklist")
    assert "[ ] shopify.welcome" in listed.output and "doubles: welcome" in listed.output
    assert "shopify.abandoned_checkout" not in listed.output
    ticked = run(patient, "checklist", "--tick", "shopify.welcome")
    assert "[x] shopify.welcome" in ticked.output
    ticks = [one for one in patient.audit() if one.act == "checklist.tick"]
    assert [(one.object_id, one.actor) for one in ticks] == [("shopify.welcome", "cli")]
    assert run(patient, "checklist", "--tick", "nonsense").exit_code == 2
    # What is left to Brevo is done by its automation, which stays; the store's own still doubles it.
    patient.run_sql("UPDATE flows SET mode = 'brevo'")
    left = run(patient, "checklist").output
    assert "brevo.welcome" not in left and "shopify.welcome" in left
