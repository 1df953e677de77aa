"""``connector send``: a message of a flow, sent to oneself."""

from __future__ import annotations

import re

import click

from connector.cli.connected import connected
from connector.settings import Settings
from flows.engine.sample import send_sample

_NUMBER = re.compile(r"\+?\d{6,15}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


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
    to = _recipient(channel, to)
    with connected(settings, domain) as (deps, shop):
        sent = send_sample(deps, shop, channel=channel, flow=flow, message=message, to=to, person_id=person)
    billed = "" if channel == "email" else f", billed as {sent.segments} message{'' if sent.segments == 1 else 's'}"
    click.echo(f"Sent to {to}{billed}. Brevo calls it {sent.message_id}.")
    click.echo(sent.text)


def _recipient(channel: str, to: str) -> str:
    if channel == "email":
        if not _EMAIL.fullmatch(to):
            raise click.BadParameter(f"{to} is no email address.", param_hint="--to")
        return to
    bare = re.sub(r"[\s().-]", "", to)
    if not _NUMBER.fullmatch(bare):
        raise click.BadParameter(
            f"{to} is no number with its country's code, such as +4915112345678.", param_hint="--to"
        )
    return f"+{bare.removeprefix('+').removeprefix('00')}"
