"""``connector webhook``: addresses of the merchant that are told what happens, and what became of telling them."""

from __future__ import annotations

from datetime import datetime

import click
import orjson

from connector import audit
from connector.cli.connected import connected
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.merchant_urls import Rules, visiting
from connector.settings import Settings
from connector.shops import Shop
from sync.outgoing import deliveries, endpoints, sending

_shop = click.argument("domain", metavar="SHOP")
_endpoint = click.argument("endpoint_id", metavar="ENDPOINT", type=int)


@click.group()
def webhook() -> None:
    """Tell addresses of the merchant what happens, signed by Standard Webhooks."""


@webhook.command("list")
@_shop
@click.pass_obj
def show(settings: Settings, domain: str) -> None:
    """The endpoints of SHOP, and how each is doing."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        found = endpoints.listed(connection, shop.id)
    for one in found:
        state = f"disabled, because {one.why}" if one.state == "disabled" else "active"
        if one.state == "active" and one.failing_since_real is not None:
            state = f"failing since {_moment(one.failing_since_real)}"
        person = ", with the person" if one.include_person else ""
        named = f" ({one.name})" if one.name else ""
        click.echo(f"{one.id}{named}: {one.url} {one.description}".rstrip())
        told = ", ".join(one.events) or "what flows tell it"
        click.echo(f"  {state}; {one.due} wait; told of {told}{person}")
    if not found:
        click.echo("There is none: see `connector webhook add`.")


@webhook.command()
@_shop
@click.argument("url")
@click.option("--event", "events", multiple=True, help="An event of docs/mapping.md; several times.")
@click.option("--name", help="What flows call it in their webhook steps: small letters, digits and dashes.")
@click.option("--include-person", is_flag=True, help="Tell it whose they are: address and customer id.")
@click.option("--description", default="", help="What it is for.")
@click.pass_obj
def add(
    settings: Settings,
    domain: str,
    url: str,
    events: tuple[str, ...],
    name: str | None,
    include_person: bool,
    description: str,
) -> None:
    """Tell URL of these events of SHOP from now on, and what flows tell it by its name. Its secret is shown once."""
    with connected(settings, domain) as (deps, shop):
        with deps.open(shop) as scope:
            endpoint_id, secret = endpoints.add(
                scope.connection,
                deps.secrets,
                Rules.of(settings),
                shop.id,
                url=url,
                events=events,
                include_person=include_person,
                description=description,
                now=scope.now,
                name=name,
            )
            told = {"events": sorted(events), "include_person": include_person}
            endpoints.note(scope, audit.CLI, "webhook.add", endpoint_id, told)
    click.echo(f"Endpoint {endpoint_id}. Its secret, which is not shown again: {secret}")


@webhook.command()
@_shop
@_endpoint
@click.pass_obj
def remove(settings: Settings, domain: str, endpoint_id: int) -> None:
    """Forget ENDPOINT and what it was to be told."""
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        endpoints.remove(scope.connection, shop.id, endpoint_id)
        endpoints.note(scope, audit.CLI, "webhook.remove", endpoint_id)
    click.echo(f"Endpoint {endpoint_id} is gone.")


@webhook.command()
@_shop
@_endpoint
@click.argument("name")
@click.pass_obj
def name(settings: Settings, domain: str, endpoint_id: int, name: str) -> None:
    """Let flows tell ENDPOINT something, by this NAME in their webhook steps."""
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        endpoints.rename(scope.connection, shop.id, endpoint_id, name)
        endpoints.note(scope, audit.CLI, "webhook.name", endpoint_id)
    click.echo(f"Flows tell endpoint {endpoint_id} by `webhook: {{endpoint: {name}}}`.")


@webhook.command()
@_shop
@_endpoint
@click.pass_obj
def rotate(settings: Settings, domain: str, endpoint_id: int) -> None:
    """Give ENDPOINT a new secret. For a day the one before signs as well."""
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        secret = endpoints.rotate(scope.connection, deps.secrets, shop.id, endpoint_id, scope.machine)
        endpoints.note(scope, audit.CLI, "webhook.rotate", endpoint_id)
    click.echo(f"Its new secret, which is not shown again: {secret}")


@webhook.command()
@_shop
@_endpoint
@click.pass_obj
def enable(settings: Settings, domain: str, endpoint_id: int) -> None:
    """Tell a disabled ENDPOINT again what happens from now on."""
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        endpoints.enable(scope.connection, shop.id, endpoint_id)
        endpoints.note(scope, audit.CLI, "webhook.enable", endpoint_id)
    click.echo(f"Endpoint {endpoint_id} is told again. `connector webhook resend` sends what has failed meanwhile.")


@webhook.command()
@_shop
@_endpoint
@click.pass_obj
def disable(settings: Settings, domain: str, endpoint_id: int) -> None:
    """Tell ENDPOINT nothing more, and give up what it was to be told."""
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        endpoints.one(scope.connection, shop.id, endpoint_id)
        endpoints.disable(scope.connection, shop.id, endpoint_id, "by_staff")
        endpoints.note(scope, audit.CLI, "webhook.disable", endpoint_id)
    click.echo(f"Endpoint {endpoint_id} is told nothing more.")


@webhook.command("test")
@_shop
@_endpoint
@click.pass_obj
def try_out(settings: Settings, domain: str, endpoint_id: int) -> None:
    """Send ENDPOINT an event of type `test` now, signed, and show what it answers. It is not tried again."""
    with connected(settings, domain) as (deps, shop):
        outcome = _try_out(deps, shop, endpoint_id)
    took = f"after {outcome.seconds:.1f} s"
    if outcome.status is None:
        raise click.ClickException(f"No answer {took}: {outcome.error}")
    click.echo(f"{outcome.status} {took}. {outcome.answer}".rstrip())
    if not outcome.arrived:
        raise click.ClickException("Only 2xx counts as arrived.")


def _try_out(deps: Deps, shop: Shop, endpoint_id: int) -> sending.Outcome:
    with autocommitted(deps.engine) as connection:
        endpoint = endpoints.row(connection, shop.id, endpoint_id)
    with visiting(Rules.of(deps.settings)) as visitor:
        return sending.try_out(deps, shop, visitor, endpoint)


@webhook.command()
@_shop
@_endpoint
@click.option("--delivery", "delivery_id", type=int, help="Every try at this one, with its answer.")
@click.option("--failed", is_flag=True, help="Only deliveries that have failed.")
@click.pass_obj
def attempts(settings: Settings, domain: str, endpoint_id: int, delivery_id: int | None, failed: bool) -> None:
    """What ENDPOINT was to be told lately, the newest first."""
    with connected(settings, domain) as (deps, shop), autocommitted(deps.engine) as connection:
        endpoints.one(connection, shop.id, endpoint_id)
        if delivery_id is not None:
            for one in deliveries.attempts(connection, shop.id, delivery_id):
                said = one.error if one.status is None else f"{one.status} {orjson.dumps(one.answer).decode()}"
                click.echo(f"{one.n}: {_moment(one.started_real)}, {one.milliseconds} ms: {said}")
            return
        found = deliveries.listed(connection, shop.id, endpoint_id, state="failed" if failed else "")
    for delivery in found:
        again = f", again at {_moment(delivery.due_real)}" if delivery.state == "due" else ""
        state = f"{delivery.state} after {delivery.attempts}{again}"
        click.echo(f"{delivery.id}: {delivery.name} {state}. {delivery.last}".rstrip())
    if not found:
        click.echo("Nothing.")


@webhook.command()
@_shop
@_endpoint
@click.option("--delivery", "delivery_ids", type=int, multiple=True, help="Only these; else all that have failed.")
@click.pass_obj
def resend(settings: Settings, domain: str, endpoint_id: int, delivery_ids: tuple[int, ...]) -> None:
    """Send once more what has failed, with the same ids: a receiver that has it knows it again."""
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        if endpoints.one(scope.connection, shop.id, endpoint_id).state == "disabled":
            raise click.ClickException("It is disabled: `connector webhook enable` first.")
        again = deliveries.resend(scope, endpoint_id, delivery_ids or None)
        endpoints.note(scope, audit.CLI, "webhook.resend", endpoint_id, {"deliveries": again})
    click.echo(f"{again} are sent once more.")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
