"""``connector doctor``: is everything well, in plain words with what to do, and an exit code for monitoring."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence

import click
import orjson

from connector.deps import Deps
from connector.doctor.examination import examine, worst
from connector.doctor.finding import Finding, Level
from connector.errors import ConfigurationError
from connector.runtime.up import own_environment, shared_environment
from connector.settings import Settings

_COLOUR = {Level.OK: "green", Level.WARNING: "yellow", Level.BROKEN: "red"}
_WIDTH = 100


@click.command()
@click.argument("domain", metavar="[SHOP]", default="")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
@click.option("--no-platforms", is_flag=True, help="Call neither the store nor Brevo: for monitoring that asks often.")
@click.pass_obj
def doctor(settings: Settings | None, domain: str, as_json: bool, no_platforms: bool) -> None:
    """Examine the installation and its shops, or of the shops only SHOP.

    Exit code 0: all is well; 1: warnings; 2: something is broken. Each shop costs up to four calls of Brevo's limit
    of 100 an hour for calls of that kind: ask every quarter of an hour at most, or with --no-platforms.
    """
    found = _examined(settings, domain, platforms=not no_platforms)
    level = worst(found)
    if as_json:
        click.echo(orjson.dumps({"level": level.word, "findings": [finding_as_json(one) for one in found]}))
    else:
        print_findings(found)
    sys.exit(int(level))


def _examined(settings: Settings | None, domain: str, *, platforms: bool) -> list[Finding]:
    try:
        settings = settings or Settings.from_env(shared_environment() | own_environment())
        missing = [name for name, value in (("DATABASE_URL", settings.database_url), ("REDIS_URL", settings.redis_url))
                   if not value]  # fmt: skip
        if missing:
            raise ConfigurationError(f"{' and '.join(missing)}: nothing is up in this folder that would say where.")
        deps = Deps.build(settings, pool_size=4)
    except ConfigurationError as error:
        problems = [line.strip(" -") for line in str(error).splitlines() if line.startswith("  - ")] or [str(error)]
        cure = "Set it in the environment; docs/settings.md tells each setting. `connector up` runs everything."
        return [Finding(Level.BROKEN, problem, cure, check="settings") for problem in problems]
    try:
        return examine(deps, domain, platforms=platforms)
    except LookupError as error:
        raise click.UsageError(f"{domain} is not connected: see `connector shop add`.") from error
    finally:
        deps.close()


def finding_as_json(one: Finding) -> dict[str, object]:
    """A finding for machines."""
    return {
        "check": one.check,
        "shop": one.shop or None,
        "level": one.level.word,
        "says": one.says,
        "do": one.do,
        "examples": [str(example) for example in one.examples],
    }


def print_findings(found: Sequence[Finding]) -> None:
    """One block for the installation and one per shop; colours only where somebody looks (click sees to that)."""
    shop = None
    for one in found:
        if one.shop != shop:
            shop = one.shop
            click.echo(f"\n{shop}" if shop else "Installation")
        mark = click.style(f"{one.level.word:<8}", fg=_COLOUR[one.level], bold=one.level is not Level.OK)
        head, *rest = textwrap.wrap(one.says, _WIDTH)
        click.echo(f"  {mark} {one.check:<21} {head}")
        examples = f"For example {', '.join(map(str, one.examples))}." if one.examples else ""
        for line in [*rest, *textwrap.wrap(f"{examples} {one.do}".strip(), _WIDTH)]:
            click.echo(" " * 33 + line)
    counts = {level: sum(one.level is level for one in found) for level in Level}
    click.echo(f"\n{counts[Level.OK]} ok, {counts[Level.WARNING]} warnings, {counts[Level.BROKEN]} broken")
