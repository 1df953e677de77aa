"""A connected shop, for commands that work for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from connector import shops
from connector.db.session import autocommitted
from connector.deps import Deps
from connector.errors import ConnectorError
from connector.settings import Settings
from connector.shops import Shop


@contextmanager
def connected(settings: Settings, domain: str) -> Iterator[tuple[Deps, Shop]]:
    """The shop, and what works for it; what goes wrong on purpose is a sentence."""
    deps = Deps.build(settings, pool_size=2)
    try:
        with autocommitted(deps.engine) as connection:
            shop = shops.by_domain(connection, domain)
        if shop is None:
            raise click.ClickException(f"{domain} is not connected: see `connector shop add`.")
        yield deps, shop
    except ConnectorError as error:
        raise click.ClickException(str(error)) from error
    finally:
        deps.close()
