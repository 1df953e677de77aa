"""docs/messages.md against the facts, blocks and languages that there are."""

from __future__ import annotations

from babel import Locale

from flows.content import wording
from flows.content.compose import blocks
from flows.content.context import example
from flows.engine.sources import SOURCES
from tests.architecture.project import PROJECT, by_first_code, codes, table_rows
from tests.content.test_blocks import INNER

PAGE = PROJECT / "docs" / "messages.md"
TEXT = PAGE.read_text(encoding="utf-8")
# Beside the example: said when the store did not answer, and by the name that a flow gives it.
BESIDE = {"prices", "cart"}


def roots() -> set[str]:
    table = TEXT.split("## What a message can show")[1].split("An item of a cart")[0]
    return {name for line in table.splitlines() if line.startswith("| `") for name in codes(line.split("|")[1])}


def test_every_root_is_listed_and_none_besides() -> None:
    assert roots() == {*example(), *BESIDE}
    assert {source.path[0] for source in SOURCES} <= roots()


def test_every_fact_of_the_example_is_named() -> None:
    for root in ("order", "tracking", "product", "loyalty", "checkout"):
        named = set(example()[root]) - {"product_id", "variant_id"}
        assert {name for name in named if f"`{name}`" not in TEXT} == set(), root
    assert all(f"`{name}`" in TEXT for name in example()["products"])


def test_every_block_is_listed() -> None:
    rows = by_first_code(table_rows(PAGE, 3))
    listed = {name for name in rows if name in blocks("mjml")}
    assert listed == set(blocks("mjml")) - INNER


def test_every_language_is_named() -> None:
    for code in wording.languages():
        assert Locale(code).get_display_name("en") in TEXT, code
