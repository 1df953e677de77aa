"""The ``connector`` command."""

from __future__ import annotations

import sys

import click

from connector.cli import (
    app,
    backfill,
    brevo,
    channel,
    currency,
    database,
    doctor,
    flow,
    inbox,
    keys,
    mapping,
    person,
    privacy,
    processes,
    shop,
    staff,
    sync,
)
from connector.errors import ConnectorError
from connector.runtime.up import own_environment, shared_environment
from connector.settings import Settings

# These read the environment themselves: they start an installation, or have to work where there is none.
_BY_THEMSELVES = frozenset({"clock", "db", "doctor", "up", "worker"})


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def cli(context: click.Context) -> None:
    """Shopify -> Brevo: contacts, orders and marketing flows."""
    if context.invoked_subcommand not in _BY_THEMSELVES and "--help" not in sys.argv:
        # The others speak with what `connector up` runs in this folder, unless the environment says otherwise.
        context.obj = Settings.from_env(shared_environment() | own_environment())


cli.add_command(database.db)
cli.add_command(processes.up)
cli.add_command(processes.worker)
cli.add_command(processes.clock)
cli.add_command(shop.shop)
cli.add_command(person.person)
cli.add_command(channel.channel)
cli.add_command(currency.currency)
cli.add_command(flow.flow)
cli.add_command(inbox.inbox)
cli.add_command(privacy.privacy)
cli.add_command(app.app)
cli.add_command(brevo.brevo)
cli.add_command(keys.keys)
cli.add_command(mapping.mapping)
cli.add_command(staff.staff)
sync.sync.add_command(backfill.command)
cli.add_command(sync.sync)
cli.add_command(doctor.doctor)


def main() -> None:
    """Entry of the ``connector`` script: what goes wrong on purpose is one sentence, not a traceback."""
    try:
        cli()
    except ConnectorError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
