"""``connector up|worker|clock``: the processes."""

from __future__ import annotations

import sys

import click

from connector.runtime import up as runtime


@click.command()
def up() -> None:
    """Run everything in the foreground: servers that have no address yet, web, workers and clock."""
    sys.exit(runtime.run(runtime.own_environment()))


@click.command()
@click.argument("queue", required=False)
def worker(queue: str | None) -> None:
    """Run one worker process per queue, or only the one for QUEUE."""
    if queue:
        # Only where it runs: all that a worker does takes a second to import.
        from connector import worker as worker_process  # noqa: PLC0415

        worker_process.main(queue)
    else:
        sys.exit(runtime.run_workers(runtime.own_environment()))


@click.command()
def clock() -> None:
    """Run the clock process, which finds what is due."""
    from connector import clockwork  # noqa: PLC0415

    clockwork.main()
