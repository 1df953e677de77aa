"""``connector privacy``: what is stored of a customer, its erasure, and what was asked for by law."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import orjson
from sqlalchemy import Connection

from connector import audit, shops
from connector.db.session import transaction
from connector.deps import Deps
from connector.settings import Settings
from connector.shops import Shop
from sync.privacy import Named, Request, bundle, erase_named, requests, tombstones, traces

_shop = click.option("--shop", "domain", required=True, help="The shop (name.myshopify.com).")
_customer = click.option(
    "--customer", "customer_id", type=click.IntRange(min=1), help="The customer's id at the store."
)
_email = click.option("--email", help="Of somebody without a customer record.")


@click.group()
def privacy() -> None:
    """What is stored of a customer; erasing it; requests and receipts."""


@privacy.command()
@_shop
@_customer
@_email
@click.option(
    "--to",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write here: .json, or .zip with a CSV of each table.",
)
@click.pass_obj
def export(settings: Settings, domain: str, customer_id: int | None, email: str | None, target: Path | None) -> None:
    """Print everything that is stored of a customer, and nothing of anybody else, as JSON.

    An open request for it is done with this: hand the bundle to the customer.
    """
    named = _named(customer_id, email)
    with _opened(settings, domain) as (deps, shop), deps.open(shop) as scope:
        person_id = traces.person_named(scope.connection, shop.id, named)
        made = bundle.export(scope.connection, shop, person_id, named)
        counts = bundle.counts(made)
        done = requests.handed_out(scope, customer_id, counts) if customer_id else 0
        _note(scope.connection, deps, shop, "person.export", named, counts)
    if target is None:
        click.echo(orjson.dumps(made, option=orjson.OPT_INDENT_2))
    else:
        target.touch(mode=0o600)
        target.write_bytes(_zipped(made) if target.suffix == ".zip" else orjson.dumps(made, option=orjson.OPT_INDENT_2))
        click.echo(
            f"{sum(counts.values())} records in {target}. It holds personal data: delete it when it is handed over."
        )
    if not made["person_ids"] and not made["deliveries"]:
        click.echo("Nothing is held of this customer.", err=True)
    if done:
        click.echo(f"{done} open request(s) for this bundle are done.", err=True)


@privacy.command()
@_shop
@_customer
@_email
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def erase(settings: Settings, domain: str, customer_id: int | None, email: str | None, yes: bool) -> None:
    """Erase a customer here and at Brevo, as the store's own request does, and print the receipt."""
    named = _named(customer_id, email)
    if not yes:
        click.confirm(f"This cannot be taken back. Erase {_called(named)} of {domain}?", abort=True)
    with _opened(settings, domain) as (deps, shop):
        request = erase_named(deps, shop, named, audit.CLI)
        with transaction(deps.engine) as connection:
            _note(connection, deps, shop, "person.erase", named, request.receipt.get("tables", {}))
    click.echo(orjson.dumps(_told(request), option=orjson.OPT_INDENT_2))
    if request.open:
        click.echo(f"Not all is done yet ({request.reason or request.stage}): a worker goes on with it.", err=True)


@privacy.command("list")
@_shop
@click.option("--open", "open_only", is_flag=True, help="Only what is not done.")
@click.pass_obj
def list_(settings: Settings, domain: str, open_only: bool) -> None:
    """List the requests of a shop, the newest first, with what they wait for and until when the law gives time."""
    with _opened(settings, domain) as (deps, shop), transaction(deps.engine) as connection:
        found = requests.of_shop(connection, shop, open_only=open_only)
    for one in found:
        until = f"{one.done_at:%Y-%m-%d} done" if one.done_at else f"until {one.due_at:%Y-%m-%d}"
        waits = f"  {one.stage}: {one.reason}" if one.open and one.reason else ""
        click.echo(f"{one.id:>6}  {one.kind:<12}  {one.state:<9}  {until}{waits}")
    if not found:
        click.echo("Nothing was asked for.")


@privacy.command()
@_shop
@_customer
@click.pass_obj
def show(settings: Settings, domain: str, customer_id: int | None) -> None:
    """Show the receipts of one customer, also of one who is erased, or of all."""
    with _opened(settings, domain) as (deps, shop), transaction(deps.engine) as connection:
        found = requests.of_shop(connection, shop, customer_id)
    if not found:
        raise click.ClickException("Nothing was asked for.")
    for one in found:
        click.echo(orjson.dumps(_told(one), option=orjson.OPT_INDENT_2))


@contextmanager
def _opened(settings: Settings, domain: str) -> Iterator[tuple[Deps, Shop]]:
    deps = Deps.build(settings, pool_size=2)
    try:
        with transaction(deps.engine) as connection:
            shop = shops.by_domain(connection, domain)
        if shop is None:
            raise click.ClickException(f"{domain} is not connected: see `connector shop add`.")
        yield deps, shop
    finally:
        deps.close()


def _named(customer_id: int | None, email: str | None) -> Named:
    if (customer_id is None) == (email is None):
        raise click.UsageError("Name somebody by --customer or by --email.")
    return Named(customer_id, email)


def _called(named: Named) -> str:
    return f"customer {named.customer_id}" if named.customer_id else str(named.email)


def _note(connection: Connection, deps: Deps, shop: Shop, act: str, named: Named, counts: Any) -> None:
    """Whom it was about goes into the audit log as a digest: the log cannot be erased."""
    name = ("customer", str(named.customer_id)) if named.customer_id else ("email", (named.email or "").strip().lower())
    audit.record(
        connection,
        shop_id=shop.id,
        actor=audit.CLI,
        act=act,
        object_kind="customer",
        object_id=tombstones.digest(shop.salt, name),
        detail={"tables": dict(counts)},
        now=deps.clock.now(),
    )


def _told(request: Request) -> dict[str, Any]:
    return {
        "request": request.id,
        "kind": request.kind,
        "asked_by": request.source,
        "state": request.state,
        "waits_for": request.reason,
        "received_at": request.received_at.isoformat(),
        "due_at": request.due_at.isoformat(),
        "done_at": request.done_at.isoformat() if request.done_at else None,
        "customer_digest": request.customer_digest,
        "receipt": request.receipt,
    }


def _zipped(made: bundle.Bundle) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in bundle.files(made).items():
            archive.writestr(name, content)
    return written.getvalue()
