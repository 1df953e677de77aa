"""``connector sync backfill``: the whole store, read once."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click
import orjson
from redis.exceptions import RedisError

from connector import counts, pulse
from connector.audit import CLI
from connector.cli.connected import connected
from connector.clock import pause
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.settings import Settings
from connector.shops import Shop
from sync import backfill
from sync.backfill import Backfill, Part

# Machine seconds between two looks.
_LOOK = 0.5
# Exit code besides 0: something has failed, or it was stopped.
_INCOMPLETE = 1


@click.command("backfill")
@click.option("--shop", "domain", required=True, help="The shop (name.myshopify.com).")
@click.option("--kinds", help=f"Only these, with commas between: {', '.join(backfill.KINDS)}.")
@click.option("--wait", is_flag=True, help="Watch it until the store is read and Brevo has been told.")
@click.option("--no-brevo", is_flag=True, help="Watch it only until the store is read.")
@click.option("--stop", is_flag=True, help="Stop the one that is under way.")
@click.option("--resume", is_flag=True, help="Go on with the last one, which was stopped or has failed.")
@click.option("--json", "as_json", is_flag=True, help="Print what it came to as JSON.")
@click.pass_obj
def command(
    settings: Settings,
    /,
    domain: str,
    kinds: str | None,
    wait: bool,
    no_brevo: bool,
    stop: bool,
    resume: bool,
    as_json: bool,
) -> None:
    """Read the whole store by bulk operations and bring Brevo up to date. No message goes out because of it.

    What happened before the shop's webhooks were in place is history to the flows. The same again changes nothing.
    Ctrl-C ends the watching only.
    """
    with connected(settings, domain) as (deps, shop):
        if stop:
            click.echo(_stop(deps, shop))
            return
        watch = _Watch(deps, shop, with_brevo=not no_brevo)
        found = _newest(deps, shop)
        if resume:
            found = _resume(deps, shop, found)
        elif found is None or found.ended:
            names = [name.strip() for name in (kinds or "").split(",") if name.strip()]
            with deps.open(shop) as scope:
                backfill_id = backfill.start(scope, names, by=CLI)
            found = _look(deps, shop, backfill_id)
        elif kinds:
            raise click.ClickException("A backfill of this shop is under way: watch it without --kinds.")
        if wait:
            found = watch.until_told(found)
        told = report(deps, shop, found, watch)
    click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() if as_json else _in_words(found, told))
    if found.ended and (found.state != "done" or any(part.failed for part in found.parts)):
        sys.exit(_INCOMPLETE)


class _Watch:
    """Looks on, and counts what Brevo has answered meanwhile."""

    def __init__(self, deps: Deps, shop: Shop, *, with_brevo: bool) -> None:
        self._deps, self._shop = deps, shop
        self._with_brevo = with_brevo and shop.has_brevo and shop.active
        self._before = self._answered()
        self.told_after: float | None = None
        """Machine seconds from the beginning until Brevo had been told of all; None: that was not waited for."""

    def until_told(self, found: Backfill) -> Backfill:
        """Say on stderr how far it is whenever that has changed; returns it when there is nothing more to wait for."""
        said = ""
        while not found.ended or (self._with_brevo and found.state == "done" and found.untold):
            line = how_far(found)
            if line != said:
                click.echo(line, err=True)
            said = line
            pause(_LOOK)
            found = _look(self._deps, self._shop, found.id)
        if self._with_brevo and found.started_real is not None:
            self.told_after = (self._deps.clock.machine() - found.started_real).total_seconds()
        return found

    def calls(self) -> dict[str, int]:
        """By bucket, since the beginning: with those of everybody else on the account through this installation."""
        return {
            bucket: count - self._before.get(bucket, 0)
            for bucket, count in self._answered().items()
            if count > self._before.get(bucket, 0)
        }

    def _answered(self) -> Mapping[str, int]:
        return self._deps.brevo(self._shop).answered() if self._shop.has_brevo else {}


def how_far(found: Backfill) -> str:
    """In one line: each kind with its counts, and the time left."""
    parts = [_part(part) for part in found.parts]
    left = found.seconds_left
    if found.ended:
        parts = [f"the store is read; Brevo is still to be told of {counts.said(found.untold)}"]
    elif left is not None:
        parts.append(f"about {_span(left)} left")
    return "; ".join(parts)


def _part(part: Part) -> str:
    match part.state:
        case "waiting":
            now = "waits for the store" if part.reason is None else f"waits: {part.reason}"
        case "running":
            now = f"the store writes its file ({part.lines or 0} lines)"
        case "copying":
            now = f"copying ({100 * part.bytes_done // max(part.bytes or 1, 1)} %)"
        case "refused" | "failed":
            now = f"{part.state}: {part.reason}"
        case _:
            now = f"{part.done} of {part.store if part.store is not None else '?'}"
    return f"{part.kind} {now}"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def report(deps: Deps, shop: Shop, found: Backfill, watch: _Watch) -> dict[str, Any]:
    """What it came to, as JSON has it."""
    machine = deps.clock.machine()
    pages = sum(part.pages for part in found.parts)
    polls = sum(part.polls for part in found.parts)
    return {
        "shop": shop.domain,
        "backfill": found.id,
        "state": found.state,
        "reason": found.reason,
        "live_since": None if shop.live_since is None else shop.live_since.isoformat(),
        "counts": {
            part.kind: {
                "state": part.state,
                "store": part.store,
                "applied": part.applied,
                "created": part.created,
                "changed": part.changed,
                "unchanged": part.unchanged,
                "failed": part.failed,
                "left_out": part.left_out,
                "reason": part.reason,
            }
            for part in found.parts
        },
        "changes": sum(part.created + part.changed for part in found.parts),
        "untold": found.untold,
        "admin_calls": {
            "total": sum(part.calls for part in found.parts) + polls + pages,
            "polling": polls,
            "pages": pages,
        },
        "provider_calls": watch.calls(),
        "estimate": found.estimate,
        "truth": {
            "store": round(found.seconds(machine), 1),
            "seconds": None if watch.told_after is None else round(watch.told_after, 1),
        },
        "peak_memory_mb": _peaks(deps),
        "notes": _notes(shop),
    }


def _notes(shop: Shop) -> list[str]:
    """What the counts do not tell."""
    if shop.granted_scopes is None or "read_all_orders" in shop.granted_scopes:
        return []
    return ["Without the scope read_all_orders the store tells of the orders of the last 60 days only."]


def _peaks(deps: Deps) -> dict[str, float]:
    """Of each kind of process since it was started."""
    own = {"command": pulse.peak_mb()}
    try:
        return {**pulse.peaks(deps.redis, deps.clock.machine()), **own}
    except RedisError:
        return own


def _in_words(found: Backfill, told: Mapping[str, Any]) -> str:
    lines = [f"Backfill {found.id}: {found.state}."]
    for part in found.parts:
        came = f"{part.created} created, {part.changed} changed, {part.unchanged} unchanged, {part.failed} failed"
        lines.append(f"  {_part(part)}: {came}" if part.done else f"  {_part(part)}")
    lines += told["notes"]
    if not found.ended:
        lines.append("The workers go on: `connector sync backfill --wait` watches.")
    elif found.untold:
        lines.append(f"Brevo is still to be told of {counts.said(found.untold)}.")
    return "\n".join(lines)


def _newest(deps: Deps, shop: Shop) -> Backfill | None:
    with autocommitted(deps.engine) as connection:
        found = backfill.history(connection, shop.id, 1)
    return found[0] if found else None


def _look(deps: Deps, shop: Shop, backfill_id: int) -> Backfill:
    with autocommitted(deps.engine) as connection:
        return backfill.progress(connection, shop.id, backfill_id)


def _resume(deps: Deps, shop: Shop, found: Backfill | None) -> Backfill:
    if found is None:
        raise click.ClickException(f"{shop.domain} has no backfill.")
    with deps.open(shop) as scope:
        backfill.resume(scope, found.id, by=CLI)
    return _look(deps, shop, found.id)


def _stop(deps: Deps, shop: Shop) -> str:
    found = _newest(deps, shop)
    if found is None or found.ended:
        return "No backfill is under way."
    with deps.open(shop) as scope:
        backfill.stop(scope, found.id, by=CLI)
    return f"Backfill {found.id} stops."
