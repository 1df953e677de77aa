"""``connector sync``: the preview, a run watched to its end, and what a script learns from its exit code."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from connector.cli import sync as command
from connector.models.rerun import sync_runs
from sync.reruns import STATEMENT
from tests.engine.installation import ConnectedShop
from tests.sync.reruns.storefront import Storefront

ANN, BOB = "ann@reruns.example", "bob@reruns.example"


@pytest.fixture(autouse=True)
def workers(shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the command waits, the workers work."""

    def pause(seconds: float) -> None:
        shop.installation.skip(seconds)
        shop.installation.settle("reruns", "sync", "imports", "bulk")

    monkeypatch.setattr(command, "pause", pause)


def run(shop: ConnectedShop, *arguments: str) -> Result:
    at = ["--shop", shop.shop.domain]
    return CliRunner().invoke(command.sync, [arguments[0], *at, *arguments[1:]], obj=shop.deps.settings)


def test_a_preview_and_a_run_are_told_at_the_terminal(shop: ConnectedShop, store: Storefront) -> None:
    store.buyers(ANN, BOB)
    asked = ("--entity", "orders", "--from", "2026-01-01")
    seen = run(shop, "preview", *asked)
    assert seen.exit_code == 0 and seen.output.startswith("2 records.") and "(new), at Brevo: not asked" in seen.output
    assert "financial_status: here nothing -> paid; at Brevo -> paid" in seen.output and STATEMENT in seen.output
    done = run(shop, "run", *asked)
    assert done.exit_code == 0, done.output
    assert STATEMENT in done.output and "2 changed, 0 unchanged, 0 failed" in done.output
    assert "no difference" in run(shop, "preview", *asked).output
    person = run(shop, "run", "--entity", "contact", "--person", ANN)
    assert person.exit_code == 0 and ANN not in person.output
    listed = run(shop, "list").output
    assert listed.index("contact of person") < listed.index("orders changed from") and "cli" in listed


def test_what_is_incomplete_or_refused_ends_with_another_code(shop: ConnectedShop, store: Storefront) -> None:
    lost = run(shop, "run", "--entity", "orders", "--object", "999999999999")
    assert lost.exit_code == 1 and "failed (store): 999999999999: The store has no such record" in lost.output
    waiting = run(shop, "run", "--entity", "products", "--from", "2026-01-01", "--no-wait")
    assert waiting.exit_code == 0
    twice = run(shop, "run", "--entity", "products", "--from", "2026-01-01")
    assert twice.exit_code == 1 and "under way" in twice.output
    number = waiting.output.split(":")[0].removeprefix("Run ")
    assert "stops" in run(shop, "stop", number).output
    assert "stopping" in run(shop, "show", number).output
    too_soon = run(shop, "resume", number)
    assert too_soon.exit_code == 1 and "Only a sync that was stopped or has failed can go on" in too_soon.output
    shop.change(sync_runs, {"state": "stopped"}, id=int(number))
    assert "goes on" in run(shop, "resume", number).output and "queued" in run(shop, "show", number).output
    assert run(shop, "run", "--entity", "orders").exit_code == 1
    assert run(shop, "run", "--entity", "orders", "--from", "yesterday").exit_code == 2
    assert run(shop, "show", "4711").exit_code == 1
