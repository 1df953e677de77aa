"""The ``connector`` command."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from connector.cli.environment import settings_here
from connector.errors import ConnectorError

# These read the environment themselves: they start an installation, or (some of) their commands have to work where
# there is none.
_BY_THEMSELVES = frozenset({"clock", "db", "doctor", "flows", "up", "worker"})

# {command: module of this package}; the command has its own name there, with _ for -. Read when it is asked for: what
# others of them import takes longer than most commands do.
_MODULES = {
    "api-key": "api_key",
    "app": "app",
    "brevo": "brevo",
    "channel": "channel",
    "clock": "processes",
    "coupon": "coupon",
    "currency": "currency",
    "db": "database",
    "doctor": "doctor",
    "explain": "explain",
    "flows": "flows",
    "inbox": "inbox",
    "keys": "keys",
    "loyalty": "loyalty",
    "signals": "signals",
    "mapping": "mapping",
    "person": "person",
    "privacy": "privacy",
    "report": "report",
    "send": "send",
    "shop": "shop",
    "staff": "staff",
    "sync": "sync",
    "task": "task",
    "up": "processes",
    "webhook": "webhook",
    "worker": "processes",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        command: click.Command = getattr(
            import_module(f"connector.cli.{_MODULES[cmd_name]}"), cmd_name.replace("-", "_")
        )
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def cli(context: click.Context) -> None:
    """Shopify -> Brevo: contacts, orders and marketing flows."""
    if context.invoked_subcommand not in _BY_THEMSELVES and "--help" not in sys.argv:
        context.obj = settings_here()


def main() -> None:
    """Entry of the ``connector`` script: what goes wrong on purpose is one sentence, not a traceback."""
    try:
        cli()
    except ConnectorError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
