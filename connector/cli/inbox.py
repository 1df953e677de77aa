"""``connector inbox``: deliveries that could not be applied, and giving them another go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import click
import orjson
from sqlalchemy import Connection

from connector import audit, shops
from connector.db.session import create_engine, transaction
from connector.deps import Deps
from connector.settings import Settings
from webhooks import stored
from webhooks.masking import masked

_SHOWN = ("quarantined", "poison", "retry")
_ADDRESS = re.compile(r"\S+@\S+")

_state = click.option(
    "--state", "states", multiple=True, type=click.Choice(stored.STATES), help="Only these; may be repeated."
)
_topic = click.option("--topic", default="", help="Only this topic, for example orders/create.")
_shop = click.option("--shop", "domain", default="", help="Only this shop (name.myshopify.com).")


@click.group()
def inbox() -> None:
    """Deliveries as they were received: look at them, apply them again."""


@inbox.command("list")
@_state
@_topic
@_shop
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="At most so many, newest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def list_(settings: Settings, states: tuple[str, ...], topic: str, domain: str, limit: int, as_json: bool) -> None:
    """List deliveries with reason and age: those that are stopped or are tried again, unless --state says otherwise."""
    with _connected(settings) as connection:
        which = stored.Which(states or _SHOWN, topic, _shop_id(connection, domain))
        found = stored.listed(connection, which, limit)
        counts = stored.counted(connection, which) if len(found) == limit else {}
    machine = settings.clock.machine()
    for one in found:
        if as_json:
            click.echo(orjson.dumps(_line(one, machine)))
            continue
        again = f" (replayed {one.replays}x)" if one.failed_again else ""
        head = f"{one.id:>9}  {one.state:<11}  {_age(one.received_real, machine):>7}  {one.domain}  {one.topic}{again}"
        click.echo(head + (f"\n           {_reason(one)}" if one.reason else ""))
    if not found and not as_json:
        click.echo("Nothing of this kind is in the inbox.")
    if counts and not as_json:
        click.echo(f"The newest {limit} of {sum(counts.values())}: {_said(counts)}.")


@inbox.command()
@click.argument("delivery_id", metavar="ID", type=int)
@click.option("--raw", is_flag=True, help="The bytes as they came, with all personal data.")
@click.pass_obj
def show(settings: Settings, delivery_id: int, raw: bool) -> None:
    """Show one delivery: what is known of it, its headers and its body, with personal data masked."""
    with _connected(settings) as connection:
        found = stored.listed(connection, stored.Which(ids=(delivery_id,)), 1)
    if not found:
        raise click.ClickException(f"There is no delivery {delivery_id}.")
    (one,) = found
    machine = settings.clock.machine()
    click.echo(f"Delivery {one.id} of {one.domain} (shop {one.shop_id})")
    _fact("topic", f"{one.topic} ({one.source}, lane {one.lane})")
    _fact("received", f"{one.received_at:%Y-%m-%d %H:%M:%S} UTC, {_age(one.received_real, machine)} ago")
    _fact("known by", one.external_id)
    _fact("state", one.state + (f", attempt {one.attempts + 1} is due" if one.state == "retry" else ""))
    if one.reason:
        _fact("reason", _reason(one))
    if one.replays and one.replayed_real:
        last = f"replayed {one.replays}x, last {_age(one.replayed_real, machine)} ago"
        _fact("again", f"{last}: it has failed again" if one.failed_again else last)
    for name, value in sorted(one.headers.items()):
        _fact(name, str(value))
    _body(one, raw)


@inbox.command()
@click.argument("delivery_ids", metavar="[ID]...", nargs=-1, type=int)
@_state
@_topic
@_shop
@click.option("--force", is_flag=True, help="Deliveries that are done too; it has no second effect.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def replay(
    settings: Settings,
    delivery_ids: tuple[int, ...],
    states: tuple[str, ...],
    topic: str,
    domain: str,
    force: bool,
    yes: bool,
) -> None:
    """Apply deliveries again: these IDs, or all in a --state. They go back to the start of the line, as they came."""
    if not delivery_ids and not states:
        raise click.UsageError("Name deliveries by their IDs, or a --state, for example --state quarantined.")
    chosen = [state for state in states or stored.STATES if state != "new" and (state != "done" or force)]
    with _connected(settings) as connection:
        shop_id = _shop_id(connection, domain)
        which = stored.Which(tuple(chosen), topic, shop_id, delivery_ids)
        counts = stored.counted(connection, which) if chosen else {}
        all_of_them = stored.counted(connection, stored.Which(states, topic, shop_id, delivery_ids))
    left = {kind: count for kind, count in all_of_them.items() if kind[0] not in chosen}
    if left:
        hint = "; --force takes those that are done too" if any(state == "done" for state, _ in left) else ""
        click.echo(f"Left alone: {_said(left)}{hint}.")
    if not counts:
        raise click.ClickException("Nothing is to be applied again.")
    click.echo(
        f"{sum(counts.values())} to be applied again, in the order of arrival: {_said(counts)}. What was applied"
        " before has no second effect; what fails again comes back here with its reason."
    )
    if not yes:
        click.confirm("Go on?", abort=True)
    deps = Deps.build(settings, pool_size=1)
    try:
        with transaction(deps.engine) as connection:
            _note(connection, which, len(delivery_ids), settings)
        done = stored.replay(deps, which)
    finally:
        deps.close()
    click.echo(f"{sum(done.values())} are back in the line; a worker applies them now.")


def _note(connection: Connection, which: stored.Which, named: int, settings: Settings) -> None:
    """In the audit log of the shop, or of each shop that has such deliveries."""
    shop_ids = [which.shop_id] if which.shop_id else [one.id for one in shops.connected(connection)]
    for shop_id in shop_ids:
        counts = stored.counted(connection, replace(which, shop_id=shop_id))
        if counts:
            audit.record(
                connection,
                shop_id=shop_id,
                actor=audit.CLI,
                act="delivery.replay",
                object_kind="delivery",
                object_id=which.ids[0] if named == 1 else (which.topic or "all"),
                detail={"states": list(which.states), "count": sum(counts.values())},
                now=settings.clock.now(),
            )


@contextmanager
def _connected(settings: Settings) -> Iterator[Connection]:
    engine = create_engine(settings.database_url, 1)
    try:
        with transaction(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def _shop_id(connection: Connection, domain: str) -> int | None:
    if not domain:
        return None
    found = shops.by_domain(connection, domain)
    if found is None:
        raise click.ClickException(f"{domain} is not connected: see `connector shop add`.")
    return found.id


def _line(one: stored.Delivery, machine: datetime) -> dict[str, object]:
    return {
        "id": one.id,
        "shop": one.domain,
        "source": one.source,
        "topic": one.topic,
        "state": one.state,
        "reason": _reason(one),
        "age": round((machine - one.received_real).total_seconds()),
        "attempts": one.attempts,
        "replays": one.replays or 0,
    }


def _reason(one: stored.Delivery) -> str:
    """One line without addresses: the text of an unforeseen error may quote what it stumbled over."""
    return _ADDRESS.sub("[an address]", (one.reason or "").partition("\n")[0])


def _said(counts: Mapping[tuple[str, str], int]) -> str:
    said = [f"{count} {topic or 'without topic'} ({state})" for (state, topic), count in sorted(counts.items())]
    return ", ".join(said)


def _age(since: datetime, machine: datetime) -> str:
    seconds = max(0.0, (machine - since).total_seconds())
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _fact(name: str, value: str) -> None:
    click.echo(f"  {name:<12} {value}")


def _body(one: stored.Delivery, raw: bool) -> None:
    if raw:
        click.echo(f"Body ({len(one.raw)} bytes):")
        click.echo(one.raw)
        return
    try:
        body = orjson.loads(one.raw)
    except orjson.JSONDecodeError:
        click.echo(f"The body ({len(one.raw)} bytes) is no JSON; --raw shows it.")
        return
    click.echo(f"Body ({len(one.raw)} bytes; what may be personal is masked, --raw shows it):")
    click.echo(orjson.dumps(masked(body), option=orjson.OPT_INDENT_2).decode())
