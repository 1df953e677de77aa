"""``connector doctor``: its exit code, its table and its JSON, and that it tells no secret."""

from __future__ import annotations

import orjson
import pytest
from click.testing import CliRunner, Result

from connector.cli.doctor import doctor
from connector.doctor.checks import INSTALLATION
from connector.doctor.checks import SHOP as OF_SHOP
from tests.doctor.patient import Patient
from tests.sandbox.store_process import SHOP


def run(patient: Patient, *arguments: str) -> Result:
    return CliRunner().invoke(doctor, list(arguments), obj=patient.deps.settings)


def test_a_healthy_installation_is_told_check_by_check_with_exit_code_0(patient: Patient) -> None:
    table = run(patient)
    assert table.exit_code == 0, table.output
    for check in (*INSTALLATION, *OF_SHOP):
        assert f"ok       {check.name}" in table.output
    assert "\x1b" not in table.output, "no colours where nobody looks"
    assert f"{len(INSTALLATION) + len(OF_SHOP)} ok, 0 warnings, 0 broken" in table.output

    said = run(patient, SHOP, "--json")
    assert said.exit_code == 0
    answer = orjson.loads(said.output)
    assert answer["level"] == "ok" and {one["level"] for one in answer["findings"]} == {"ok"}
    assert {one["shop"] for one in answer["findings"]} == {None, SHOP}


def test_the_exit_code_tells_warnings_from_what_is_broken(patient: Patient) -> None:
    with patient.shop(currency="CHF"):
        warned = run(patient)
        assert warned.exit_code == 1 and "1 warnings, 0 broken" in warned.output
        with patient.shop(sender_email="me@else.example"):
            worse = run(patient, "--json")
    assert worse.exit_code == 2
    answer = orjson.loads(worse.output)
    assert answer["level"] == "broken"
    told = {one["check"]: one for one in answer["findings"] if one["level"] != "ok"}
    assert set(told) == {"senders", "e-commerce"} and told["senders"]["do"]


def test_no_secret_is_told(patient: Patient) -> None:
    settings = patient.deps.settings
    secrets = {
        *settings.secret_keys, settings.database_url, settings.redis_url, settings.shopify_api_secret,
        patient.account.key, patient.store.ready["tokens"][SHOP],
    }  # fmt: skip
    with patient.shop(sender_email="me@else.example"), patient.fault("/contacts", 401):
        said = run(patient).output + run(patient, "--json").output
    assert said and [secret for secret in secrets if secret and secret in said] == []


def test_a_shop_that_is_not_connected_is_a_wrong_use(patient: Patient) -> None:
    refused = run(patient, "nobody.myshopify.com")
    assert refused.exit_code == 2 and "connector shop add" in refused.output


def test_settings_that_are_not_usable_are_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "CONNECTOR_SECRET_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONNECTOR_ENV", "production")
    said = CliRunner().invoke(doctor, ["--json"])
    assert said.exit_code == 2
    findings = orjson.loads(said.output)["findings"]
    assert {one["says"].partition(":")[0] for one in findings} == {
        "DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "CONNECTOR_SECRET_KEYS",
    }  # fmt: skip
    assert {(one["check"], one["level"]) for one in findings} == {("settings", "broken")}
