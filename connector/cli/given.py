"""What a merchant gives in a file: taken as a whole, or nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import IO

import click
import orjson
from marshmallow import ValidationError

from connector.audit import CLI
from connector.cli.connected import connected
from connector.settings import Settings


def take(settings: Settings, domain: str, file: IO[bytes], choose: Callable[..., Sequence[str]]) -> None:
    """Hand the JSON of ``file`` to ``choose(deps, shop, data, by=...)`` and print its notes.

    Raises ClickException when it is no JSON, or ``choose`` raises ValidationError.
    """
    with connected(settings, domain) as (deps, shop):
        try:
            notes = choose(deps, shop, orjson.loads(file.read()), by=CLI)
        except ValidationError as error:
            raise click.ClickException(f"Nothing was changed: {error.normalized_messages()}") from error
        except orjson.JSONDecodeError as error:
            raise click.ClickException(f"Nothing was changed: {error}") from error
        click.echo("\n".join(["Taken.", *notes]))
