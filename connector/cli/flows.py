"""``connector flows``: flows as files, and what becomes of them in a shop."""

from __future__ import annotations

import click

from connector.cli.environment import settings_here
from connector.cli.flow_arms import arms
from connector.cli.flow_files import format_, validate
from connector.cli.flow_lifecycle import COMMANDS
from connector.cli.flow_lint import lint
from connector.cli.flow_preview import preview
from connector.cli.flow_starters import starters
from connector.cli.simulate import simulate

_FILES_ONLY = frozenset({"validate", "format", "lint", "preview", "simulate", "starters"})
"""These look at files and at nothing else: they work where nothing is installed. `lint`, `preview` and `starters` ask
for settings themselves, when they are to look at a shop."""


@click.group()
@click.pass_context
def flows(context: click.Context) -> None:
    """Check, format and publish flows; say what becomes of those inside."""
    if context.invoked_subcommand not in _FILES_ONLY:
        context.obj = context.obj or settings_here()


flows.add_command(validate)
flows.add_command(format_)
flows.add_command(lint)
flows.add_command(preview)
flows.add_command(arms)
flows.add_command(starters)
flows.add_command(simulate)
for one in COMMANDS:
    flows.add_command(one)
