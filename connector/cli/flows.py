"""``connector flows``: flows as files, and what becomes of them in a shop."""

from __future__ import annotations

import click

from connector.cli.environment import settings_here
from connector.cli.flow_arms import arms
from connector.cli.flow_files import format_, validate
from connector.cli.flow_lifecycle import COMMANDS

_FILES_ONLY = frozenset({"validate", "format"})
"""These look at files and at nothing else: they work where nothing is installed."""


@click.group()
@click.pass_context
def flows(context: click.Context) -> None:
    """Check, format and publish flows; say what becomes of those inside."""
    if context.invoked_subcommand not in _FILES_ONLY:
        context.obj = context.obj or settings_here()


flows.add_command(validate)
flows.add_command(format_)
flows.add_command(arms)
for one in COMMANDS:
    flows.add_command(one)
