"""``connector brevo``: the Brevo account of a shop: how it stands, what it held before, what to switch off there."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click
import orjson

from connector import audit, shops
from connector.cli.brevo_access import connect
from connector.cli.doctor import finding_as_json, print_findings
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.doctor import brevo_account, idempotency
from connector.errors import ConnectorError, InvalidInput
from connector.install import checklist, survey
from connector.settings import Settings
from connector.shops import Shop
from flows.channels import whatsapp_templates
from flows.core import durations
from sync.coupons import pools

_of_shop = click.option("--shop", "domain", required=True, help="The shop (name.myshopify.com).")


@click.group()
def brevo() -> None:
    """The Brevo account of a shop."""


brevo.add_command(connect)


@brevo.command()
@_of_shop
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
@click.option("--probe", is_flag=True, help=f"Also find out how idempotency keys are treated: {idempotency.COSTS}")
@click.pass_obj
def doctor(settings: Settings, domain: str, as_json: bool, probe: bool) -> None:
    """Show how the account stands: plan, limits, senders and domains, attributes, webhooks, what is blocked.

    Exit code 0: all is well; 1: something needs a hand; 2: Brevo cannot be asked. Costs up to nine calls of Brevo's
    limit of 100 an hour for calls of that kind, and reads five contacts back.
    """
    with _connected(settings, domain) as (deps, shop):
        found = brevo_account.report(deps, shop)
        probed: Mapping[str, Any] | None = None
        if probe and found.verdict is not brevo_account.Verdict.CANNOT_ASK:
            click.echo(f"Probing: {idempotency.COSTS}", err=True)
            probed = idempotency.probe(deps, shop)
    facts = {**found.facts, **({"idempotency": probed} if probed else {})}
    if as_json:
        findings = [finding_as_json(one) for one in found.findings]
        click.echo(orjson.dumps({"verdict": found.verdict.name.lower(), "facts": facts, "findings": findings}))
    else:
        _show(facts)
        if probed:
            click.echo(f"\n{idempotency.in_words(probed)}")
        click.echo()
        print_findings(found.findings)
    sys.exit(int(found.verdict))


@brevo.command("survey")
@_of_shop
@click.option("--again", is_flag=True, help="Ask Brevo for what has changed there since.")
@click.pass_obj
def survey_(settings: Settings, domain: str, again: bool) -> None:
    """Show how far Brevo has been asked what it holds, above all who has opted out there."""
    with _connected(settings, domain) as (deps, shop):
        if again:
            with deps.open(shop) as scope:
                survey.ask(scope.connection, shop.id, shop.brevo_account, scope.now, scope.machine)
                scope.bells.add("survey")
        with autocommitted(deps.engine) as connection:
            found = survey.of_shop(connection, shop.id)
            opted_out = survey.opted_out(connection, shop.id)
    click.echo(found.sentence if found else "It was never asked: --again does.")
    for channel, count in sorted(opted_out.items()):
        click.echo(f"  opted out of {channel} at Brevo: {count}")


@brevo.command("checklist")
@_of_shop
@click.option("--tick", metavar="ITEM", multiple=True, help="Note that ITEM was looked at and is off.")
@click.option("--untick", metavar="ITEM", multiple=True, help="Take that back.")
@click.pass_obj
def checklist_(settings: Settings, domain: str, tick: tuple[str, ...], untick: tuple[str, ...]) -> None:
    """List what has to be switched off at Brevo and in the store, so that nobody is written to twice."""
    with _connected(settings, domain) as (deps, shop):
        now = deps.clock.now()
        with transaction(deps.engine) as connection:
            for keys, done in ((tick, True), (untick, False)):
                for key in keys:
                    checklist.tick(connection, shop.id, key, audit.CLI, now, done=done)
            found = checklist.items(connection, shop.id)
    for one in found:
        _show_item(one)
    left = len(checklist.open_items(found))
    click.echo(f"{left} of {len(found)} are open." if found else "Nothing has to be switched off.")


@brevo.command()
@_of_shop
@click.option("--collection", required=True, help="Its name at Brevo, which templates choose it by.")
@click.option("--count", type=click.IntRange(1, pools.LARGEST), required=True, help="So many codes in all.")
@click.option("--percent", type=click.IntRange(1, 100), help="Per cent off an order.")
@click.option("--amount", help="Or so much off, in the shop's currency: 5.00.")
@click.option("--minimum", help="Only for orders of at least so much.")
@click.option("--valid", required=True, help="How long from now, e.g. 30d.")
@click.option("--fallback", required=True, help="The code that Brevo shows when none is left.")
@click.option("--prefix", default="", help="What the codes begin with, e.g. SPRING.")
@click.pass_obj
def coupons(
    settings: Settings,
    domain: str,
    collection: str,
    count: int,
    percent: int | None,
    amount: str | None,
    minimum: str | None,
    valid: str,
    fallback: str,
    prefix: str,
) -> None:
    """Fill a coupon collection at Brevo: the codes are made in the store first, then given to Brevo.

    Run again it adds what is lacking: with a higher count more codes, with the same one none.
    """
    with _connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        try:
            ends_at = scope.now + durations.parse(valid)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--valid") from error
        pools.keep(
            scope,
            pools.named_after(collection),
            terms=pools.terms_of(percent, amount, minimum),
            size=count,
            prefix=prefix.upper(),
            ends_at=ends_at,
            collection=collection,
            fallback=fallback,
        )
    click.echo("The collection is being filled: connector coupon list shows how far it is.")


@brevo.command("whatsapp-templates")
@_of_shop
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
@click.pass_obj
def whatsapp_templates_(settings: Settings, domain: str, as_json: bool) -> None:
    """Read the WhatsApp templates from Brevo and list them: flows may name those that are approved.

    Costs two calls of Brevo's limit of 100 an hour for calls of that kind.
    """
    with _connected(settings, domain) as (deps, shop):
        whatsapp_templates.read_now(deps, shop)
        with transaction(deps.engine) as connection:
            found = whatsapp_templates.kept(connection, shop.id) or ()
            account = whatsapp_templates.account(connection, shop.id)
    if as_json:
        click.echo(orjson.dumps({"account": account, "templates": [asdict(one) for one in found]}))
        return
    _show(account)
    for one in found:
        click.echo(f"{one.id}: {one.name} ({one.language}), {one.category.lower()}, {one.status}")
    if not found:
        click.echo("Brevo has none: make one there, and have Meta approve it.")


def _show_item(one: checklist.Item) -> None:
    click.echo(f"[{'x' if one.ticked else ' '}] {one.key}: {one.entry.title}")
    if one.flows:
        click.echo(f"      doubles: {', '.join(one.flows)}")
    for seen in one.seen:
        click.echo(f"      seen at Brevo: {seen}")
    click.echo(f"      {one.entry.why}")
    click.echo(f"      {one.entry.where}")


def _show(facts: Mapping[str, Any]) -> None:
    for heading, told in facts.items():
        if not isinstance(told, Mapping):
            click.echo(f"{heading}: {told}")
            continue
        click.echo(f"{heading}:")
        for name, value in told.items():
            click.echo(f"  {name}: {_value(heading, value)}")


def _value(heading: str, value: Any) -> str:
    if heading == "limits" and isinstance(value, Mapping):
        source = value["source"] if value["age_seconds"] is None else f"header, {value['age_seconds']} s ago"
        return f"{value['calls']:g} in {value['seconds']:g} s ({source})"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(_value("", one) for one in value) or "none"
    return str(value)


@contextmanager
def _connected(settings: Settings, domain: str) -> Iterator[tuple[Deps, Shop]]:
    try:
        deps = Deps.build(settings, pool_size=4)
        try:
            with transaction(deps.engine) as connection:
                shop = shops.by_domain(connection, domain)
            if shop is None:
                raise click.UsageError(f"{domain} is not connected: see `connector shop add`.")
            yield deps, shop
        finally:
            deps.close()
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    except ConnectorError as error:
        raise click.ClickException(str(error)) from error
