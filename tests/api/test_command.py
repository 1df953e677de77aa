"""``connector api-key``: a key is shown once, listed without its secret, and revoked; each act leaves its line."""

from __future__ import annotations

from click.testing import CliRunner

from connector.cli import cli
from connector.cli.api_key import api_key as command
from connector.models.staff import audit_log
from tests.api.teller import Teller
from tests.engine.installation import ConnectedShop


def run(shop: ConnectedShop, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, arguments, obj=shop.deps.settings)
    return done.exit_code, done.stdout


def test_a_key_from_its_making_to_its_end(shop: ConnectedShop, teller: Teller) -> None:
    domain = shop.shop.domain
    code, said = run(shop, "create", domain, "Reviews")
    text = said.strip()
    login = {"id": "ev-1", "type": "login", "person": {"email": "ann@example.com"}}
    assert code == 0 and teller.post(login, key=text).status_code == 202
    shown = run(shop, "list", domain)[1]
    number = next(line.split()[0] for line in shown.splitlines() if "Reviews" in line)
    assert "last used" in shown and text.rpartition("_")[2] not in shown
    assert "lets nobody in" in run(shop, "revoke", domain, number)[1]
    assert run(shop, "revoke", domain, number)[0] == 1
    assert teller.post(login, key=text).status_code == 401
    assert "revoked" in run(shop, "list", domain)[1]
    acts = [(row.act, row.object_id, row.detail["name"]) for row in shop.rows(audit_log) if row.object_id == number]
    assert acts == [("api_key.create", number, "Reviews"), ("api_key.revoke", number, "Reviews")]


def test_wrong_names_are_sentences(shop: ConnectedShop) -> None:
    assert run(shop, "create", "nobody.myshopify.com", "x")[0] == 1
    assert run(shop, "create", shop.shop.domain, " ")[0] == 1
    assert "api-key" in CliRunner().invoke(cli, ["--help"]).stdout
