"""``connector send``: a message of a flow, sent to oneself or looked at."""

from __future__ import annotations

from pathlib import Path

import click

from connector.cli.connected import connected
from connector.cli.flow_preview import show
from connector.settings import Settings
from flows.engine.preview import look
from flows.engine.sample import recipient, send_sample
from flows.engine.sample_facts import NoSample


@click.group()
def send() -> None:
    """Send a message of a flow to yourself."""


@send.command()
@click.option("--shop", "domain", required=True, metavar="SHOP")
@click.option("--channel", required=True, metavar="CHANNEL", help="email, sms or whatsapp")
@click.option("--flow", "flow", required=True, metavar="FLOW")
@click.option("--message", required=True, metavar="NAME", help="The message: messages/NAME of the flow.")
@click.option("--to", required=True, metavar="ADDRESS", help="An address, or a number as +4915112345678.")
@click.option("--person", type=int, metavar="ID", help="Whose facts to fill in; without it, invented ones.")
@click.pass_obj
def test(settings: Settings, domain: str, channel: str, flow: str, message: str, to: str, person: int | None) -> None:
    """Send one message of a flow to ADDRESS, marked as a test. It counts for no cap and no statistics."""
    try:
        to = recipient(channel, to)
    except NoSample as error:
        raise click.BadParameter(str(error), param_hint="--to") from None
    with connected(settings, domain) as (deps, shop):
        sent = send_sample(deps, shop, channel=channel, flow=flow, message=message, to=to, person_id=person)
    billed = "" if channel == "email" else f", billed as {sent.segments} message{'' if sent.segments == 1 else 's'}"
    click.echo(f"Sent to {to}{billed}. Brevo calls it {sent.message_id}.")
    click.echo(sent.text)


@send.command()
@click.option("--shop", "domain", required=True, metavar="SHOP")
@click.option("--flow", "flow", required=True, metavar="FLOW")
@click.option("--message", required=True, metavar="NAME", help="The message, or one variant of it: NAME.de")
@click.option("--person", type=int, metavar="ID", help="Whose facts to fill in; without it, invented ones.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the page to look at here.")
@click.pass_obj
def preview(settings: Settings, domain: str, flow: str, message: str, person: int | None, out: Path | None) -> None:
    """One message of a flow as somebody would get it, without sending it.

    It is shown as text; with --out it is a page for a browser besides, where an email stands on a desk and on a phone,
    by day and by night. `connector flows preview` does the same with files that are not published.
    """
    with connected(settings, domain) as (deps, shop), deps.open(shop) as scope:
        found = look(scope, flow, message, person)
    show(found, out)
