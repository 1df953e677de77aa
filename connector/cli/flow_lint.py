"""``connector flows lint``: what is probably not meant, in files or in what is active in a shop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson

from connector.cli.connected import connected
from connector.cli.environment import settings_here
from connector.http import CallFailed
from connector.install import checklist
from connector.merchant_urls import Forbidden, Rules, visiting
from connector.settings import Settings
from connector.shopify.domain import shop_domain
from connector.shops import ShopSettingsSchema
from flows.content.context import example
from flows.core.model import Limit
from flows.core.problems import Problem
from flows.definition_files import FlowFolder, folders_in
from flows.engine import inspection
from flows.linting import Said, each_address, in_order, look, read

# What a page may answer to somebody who is no browser, and is there all the same.
_GONE = frozenset({404, 410, 451})
_BROKEN = 500
_MORE = 200
"""So many addresses are asked; a folder with more is looked at in parts."""


@dataclass(frozen=True)
class _Looked:
    """``count``: how many flows were looked at."""

    said: list[Said]
    count: int


@click.command()
@click.argument(
    "place",
    metavar="[DIR]",
    required=False,
    type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
)
@click.option(
    "--shop",
    "domain",
    metavar="SHOP",
    callback=lambda _c, _p, value: shop_domain(value) if value else None,
    help="With the settings of SHOP and beside what is active there; without DIR, what is active there.",
)
@click.option("--online", is_flag=True, help="Ask each address that the author has written whether it answers.")
@click.option("--strict", is_flag=True, help="Exit status 1 also for what stops no publication.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def lint(
    settings: Settings | None, place: Path | None, domain: str | None, online: bool, strict: bool, as_json: bool
) -> None:
    """Say what is probably not meant with the flow in DIR, or with those in the folders in DIR, and what they have
    against one another. Without a shop no database is needed.

    Exit status 1 when something could not be published as it is.
    """
    if place is None and domain is None:
        raise click.UsageError("Name a folder, or a shop with --shop.")
    if place is not None and not folders_in(place):
        raise click.ClickException(f"There is no flow.yaml in {place.name}, nor in the folders in it.")
    if domain is not None or online:
        settings = settings or settings_here()
    found = _of_files(place, settings, online) if domain is None else _of_shop(place, settings, domain, online)
    if as_json:
        click.echo(orjson.dumps(_as_json(found), option=orjson.OPT_INDENT_2).decode())
    else:
        _print(found)
    stops = ("error", "warning") if strict else ("error",)
    if any(one.level in stops for one in found.said):
        raise SystemExit(1)


def _of_files(place: Path | None, settings: Settings | None, online: bool) -> _Looked:
    assert place is not None
    folders, said = read(folders_in(place))
    contexts = [example(offers=offers) for offers in (True, False)]
    said += look(folders, contexts, _usual_caps())
    if online and settings is not None:
        rules = Rules.of(settings)
        said += each_address(folders, example(), lambda known: _asked(_theirs(known), rules))
    return _Looked(in_order(said), len(folders_in(place)))


def _of_shop(place: Path | None, settings: Settings | None, domain: str, online: bool) -> _Looked:
    assert settings is not None
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        beside, broken = inspection.active(scope.connection, shop.id)
        mine, said = read(folders_in(place)) if place is not None else (beside, broken)
        context = inspection.context_of(scope)
        caps = inspection.caps_of(shop.settings)
        said += look(mine, [context], caps, beside=beside, alternatives=place is not None)
        said += each_address(mine, context, lambda known: inspection.missing_pages(scope, known))
        said += _doubles(checklist.open_items(checklist.items(scope.connection, shop.id)), mine)
        count = len(folders_in(place)) if place is not None else len(mine) + len({one.flow for one in broken})
        found = _Looked(in_order(said), count)
    if online:
        # No transaction is open while others are asked.
        rules = Rules.of(settings)
        more = each_address(mine, context, lambda known: _asked(_theirs(known), rules))
        found = _Looked(in_order([*found.said, *more]), found.count)
    return found


def _usual_caps() -> Mapping[str, Sequence[Limit]]:
    """Those of a shop that has set none."""
    usual: Mapping[str, Any] = ShopSettingsSchema().load({})
    return inspection.caps_of(usual)


def _doubles(items: Sequence[checklist.Item], folders: Sequence[FlowFolder]) -> list[Said]:
    """What else may write to the same people, and nobody has ticked off."""
    names = {folder.flow.flow: folder.file for folder in folders}
    return [
        Said("warning", "doubles", flow, _double(names[flow], item.entry))
        for item in items
        for flow in item.flows
        if flow in names
    ]


def _double(file: str, entry: checklist.Entry) -> Problem:
    return Problem(file, 0, f"It may be doubled by {entry.title}. {entry.why.rstrip('.')}", entry.where)


def _theirs(addresses: Sequence[str]) -> list[str]:
    """Without those of the invented shop and people, which nobody can ask."""
    return [one for one in addresses if one.startswith("http") and ".example" not in one.split("/")[2]][:_MORE]


def _asked(addresses: Sequence[str], rules: Rules) -> dict[str, str]:
    """{address: why it is dead}."""
    dead: dict[str, str] = {}
    with visiting(rules) as visitor:
        for address in addresses:
            try:
                status = visitor.get(address).status
            except Forbidden as error:
                dead[address] = str(error)
            except CallFailed:
                dead[address] = "it does not answer"
            else:
                if status in _GONE or status >= _BROKEN:
                    dead[address] = f"it answers {status}"
    return dead


def _as_json(found: _Looked) -> dict[str, Any]:
    counts = {level: sum(one.level == level for one in found.said) for level in ("error", "warning", "planned")}
    return {"flows": found.count, "counts": counts, "findings": [one.to_json() for one in found.said]}


def _print(found: _Looked) -> None:
    for one in found.said:
        click.echo(f"{one.level} {one.lint}: {one.problem}")
    counts = _as_json(found)["counts"]
    flows = f"{found.count} flow{'' if found.count == 1 else 's'}"
    click.echo(f"{flows}: {counts['error']} errors, {counts['warning']} warnings, {counts['planned']} as planned.")
