"""``connector privacy``: bundle, receipt, list."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from connector.cli import cli
from connector.cli.privacy import privacy
from connector.models.staff import audit_log
from sync.privacy import tombstones
from tests.engine.installation import ConnectedShop, Installation
from tests.privacy.crowd import Soul, Store, sign_up

ANN = Soul(1)
WHO = ("--customer", str(ANN.customer_id))


@pytest.fixture
def shop(product: Installation, store: Store) -> ConnectedShop:
    store.nodes = {f"gid://shopify/Customer/{ANN.customer_id}": ANN.node()}
    made = product.connect(flows=[])
    sign_up(made, ANN)
    made.deliver("customers/data_request", {"customer": {"id": ANN.customer_id}, "orders_requested": []})
    product.settle()
    return made


def said(shop: ConnectedShop, name: str, *arguments: str) -> str:
    given = [name, "--shop", shop.shop.domain, *arguments]
    result = CliRunner().invoke(privacy, given, obj=shop.deps.settings)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_bundle_is_handed_out_and_the_erasure_leaves_a_receipt(shop: ConnectedShop, tmp_path: Path) -> None:
    assert "data_request" in said(shop, "list", "--open")
    bundle = json.loads(said(shop, "export", *WHO))
    assert bundle["tables"]["persons"][0]["email"] == ANN.email
    assert said(shop, "list", "--open") == "Nothing was asked for.\n"
    target = tmp_path / "bundle.zip"
    assert "records" in said(shop, "export", *WHO, "--to", str(target))
    assert {"bundle.json", "persons.csv", "deliveries.csv"} <= set(zipfile.ZipFile(target).namelist())
    assert target.stat().st_mode & 0o077 == 0
    receipt = json.loads(said(shop, "erase", *WHO, "--yes"))
    assert (receipt["state"], receipt["receipt"]["brevo"]["contacts_deleted"]) == ("done", 1)
    assert receipt["receipt"]["tables"]["persons"] == 1
    shown = said(shop, "show", *WHO)
    assert receipt["customer_digest"] in shown and ANN.hits(shown) == 0
    assert json.loads(said(shop, "export", *WHO))["tables"].get("persons") is None
    digest = tombstones.customer_digest(b"salt", ANN.customer_id)
    acts = [(row.act, row.object_id) for row in shop.rows(audit_log)]
    assert acts == [(f"person.{act}", digest) for act in ("export", "export", "erase", "export")]


def test_somebody_is_named_in_one_way(shop: ConnectedShop) -> None:
    for arguments in ((), (*WHO, "--email", ANN.email)):
        given = ["export", "--shop", shop.shop.domain, *arguments]
        assert CliRunner().invoke(privacy, given, obj=shop.deps.settings).exit_code == 2


def test_the_whole_command_finds_its_settings(shop: ConnectedShop) -> None:
    """As from a terminal, where nobody hands them over."""
    settings = shop.deps.settings
    environment = {
        "CONNECTOR_ENV": "development",
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "CONNECTOR_SECRET_KEYS": ",".join(settings.secret_keys),
    }
    for domain, code, word in ((shop.shop.domain, 0, "data_request"), ("nope.myshopify.com", 1, "is not connected")):
        result = CliRunner().invoke(cli, ["privacy", "list", "--shop", domain], env=environment)
        assert result.exit_code == code and word in result.output, result.output
