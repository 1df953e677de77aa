"""Every code that the engine can write has a sentence: the codes are read out of its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.admin import reasons
from flows.core.enrol import RULES
from flows.core.objections import ORDER

ROOT = Path(__file__).parents[2]
SOURCES = ("flows/core", "flows/engine", "flows/actions", "flows/channels", "sync/loyalty", "sync/merging")
# Call -> which of its arguments is a code.
_CALLS = {"Note": 0, "Skip": 0, "Defer": 1, "NotDone": 0, "NotYet": 0, "Withheld": 0, "TrailLine": 1, "note": 2}
_SETTLES = frozenset({"settle", "values", "update", "_change"})


def codes(source: str) -> Iterator[str]:
    """The codes that this program writes into a trail or beside a message."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        at = _CALLS.get(called)
        told = [node.args[at]] if at is not None and len(node.args) > at else []
        if called in _SETTLES:
            told += [one.value for one in node.keywords if one.arg == "reason"]
        yield from (one.value for one in told if isinstance(one, ast.Constant) and isinstance(one.value, str))


def files() -> list[Path]:
    return [path for folder in SOURCES for path in (ROOT / folder).rglob("*.py")]


def test_every_code_in_the_source_has_a_sentence() -> None:
    found = {code for path in files() for code in codes(path.read_text())}
    assert len(found) > 60
    assert {code for code in found if code not in reasons.SENTENCES} == set()
    # The control: a code that somebody adds is found.
    assert list(codes("settle(scope, row, 'skipped', reason='brand_new', at=now)")) == ["brand_new"]
    assert "brand_new" not in reasons.SENTENCES


def test_sentences_are_sentences() -> None:
    every = (reasons.SENTENCES, reasons.NO_CONSENT, reasons.SUPPRESSED)
    for said in (sentence for table in every for sentence in table.values()):
        assert said[0].isupper() and said.endswith("."), said
        assert "_" not in said.replace("write_discounts", "") and "`" not in said, said


# What merchants read of other modules than these tables: alerts, pauses, tasks, channels, webhooks, what waits and why.
SPOKEN = (
    "connector/admin/home.py", "connector/capabilities.py", "connector/merchant_urls.py", "connector/pauses.py",
    "flows/channels", "flows/core/amounts.py", "flows/core/reasons.py", "flows/engine/sample.py",
    "flows/engine/tasks.py", "flows/reviews", "sync/alerts", "sync/coupons", "sync/currency.py", "sync/loyalty",
    "sync/outgoing", "sync/reconcile",
)  # fmt: skip
_COMMANDS = "|".join(file.stem.replace("_", "-") for file in sorted((ROOT / "connector/cli").glob("[a-z]*.py")))
# A command in backticks or bare, a setting of the environment.
_OF_A_TERMINAL = re.compile(rf"`|\bconnector (?:{_COMMANDS}) |\b[A-Z]{{2,}}_[A-Z_]{{2,}}\b")


def terminal_words(source: str) -> Iterator[str]:
    """The texts of this program, but for what it says of itself, that are for somebody at a terminal."""
    tree = ast.parse(source)
    own = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in own:
            yield from (found[0] for found in _OF_A_TERMINAL.finditer(node.value))


def test_merchants_are_told_of_pages_and_of_no_commands() -> None:
    files = [file for path in SPOKEN for file in [ROOT / path, *(ROOT / path).rglob("*.py")] if file.is_file()]
    assert len(files) > 50
    assert [(str(file), word) for file in files for word in terminal_words(file.read_text())] == []
    # The controls: what was there.
    for said in ("see `x`", "connector staff list", "check BREVO_BASE_URL"):
        assert list(terminal_words(f"say('{said}')")), said


def test_each_rule_and_each_check_is_said() -> None:
    assert set(RULES) | {"status", "desk"} == set(reasons.RULES)
    assert {check.name for check in ORDER} == set(reasons.CHECKS)


@pytest.mark.parametrize(
    ("code", "detail", "said"),
    [
        ("shop_cap", {"count": 3, "per": "7d", "channel": None},
         "They have had 3 marketing messages within 7 days, which is the shop's limit."),
        ("flow_cap", {"count": 1, "per": "day", "channel": "sms"},
         "They have had 1 marketing message by text message today, which is the flow's limit."),
        ("no_consent", {"why": "pending", "channel": "email"},
         "They have not confirmed yet that they want marketing by email."),
        ("deadline", {"because": "shop_cap", "count": 2, "per": "day"},
         "It would have come too late to be of use. Until then it had to wait: They have had 2 marketing messages"
         " today, which is the shop's limit."),
        ("run_removed", {}, "It was not needed any more: by then they were taken out by staff."),
        ("refused: no such address", {}, "The provider refused it for good: no such address"),
        ("RateLimited: slow down", {}, "The provider could not take it; it is tried again: slow down"),
        ("something_new", {}, "something new"),
        (None, {}, ""),
    ],
)  # fmt: skip
def test_the_numbers_that_decided_are_in_the_sentence(code: str | None, detail: dict[str, object], said: str) -> None:
    assert reasons.sentence(code, detail) == said
    # Whatever was noted with it, it is said.
    assert bool(reasons.sentence(code)) is bool(code)
