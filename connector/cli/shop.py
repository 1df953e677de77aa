"""``connector shop``: connect a store and a Brevo account with their credentials."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import orjson
from marshmallow import ValidationError
from sqlalchemy.exc import OperationalError

from connector import shops
from connector.brevo.credentials import ApiKey
from connector.db.session import create_engine, transaction
from connector.deps import Deps
from connector.errors import ConnectorError, InvalidInput
from connector.install.account import connect_brevo
from connector.install.connecting import Credentials, connect
from connector.settings import Settings
from connector.shopify.domain import shop_domain


@click.group()
def shop() -> None:
    """Connect shops."""


@shop.command()
@click.argument("domain", metavar="SHOP")
@click.option("--token", envvar="SHOPIFY_TOKEN", help="Admin API access token; - reads a line of the input.")
@click.option("--brevo-key", envvar="BREVO_KEY", help="Brevo API key; - reads a line of the input.")
@click.option(
    "--client-id", envvar="SHOPIFY_CLIENT_ID", help="Instead of a token: the client id of the shop's own app."
)
@click.option(
    "--client-secret",
    "--secret",
    "secret",
    envvar="SHOPIFY_SHOP_SECRET",
    help="The secret of that app, which also signs its webhooks; - reads a line of the input.",
)
@click.option("--sender", help="Sender's email (default: the first active sender of the Brevo account).")
@click.option("--name", help="Shop name in messages (default: the store's own).")
@click.option("--no-flows", is_flag=True, help="Do not publish and activate the flows that a shop begins with.")
@click.pass_obj
def add(
    settings: Settings | None,
    domain: str,
    token: str | None,
    brevo_key: str | None,
    client_id: str | None,
    secret: str | None,
    sender: str | None,
    name: str | None,
    no_flows: bool,
) -> None:
    """Connect SHOP (name.myshopify.com), or give a connected one new credentials.

    With --token, or with --client-id and --client-secret of an app that the shop's own organisation made.
    """
    given = Credentials(
        domain,
        "" if client_id else _secret(token, "--token", "SHOPIFY_TOKEN"),
        _secret(brevo_key, "--brevo-key", "BREVO_KEY"),
        sender,
        name,
        _line() if secret == "-" else secret,  # noqa: S105
        client_id,
    )
    with _saying_what_is_wrong():
        deps = Deps.build(settings or Settings.from_env())
        connect(deps, given, with_flows=not no_flows, say=click.echo)


@shop.command()
@click.argument("domain", metavar="SHOP")
@click.option("--brevo-key", envvar="BREVO_KEY", help="Brevo API key; - reads a line of the input.")
@click.option("--sender", help="Sender's email (default: the first active sender of the Brevo account).")
@click.option("--no-flows", is_flag=True, help="Do not publish and activate the flows that a shop begins with.")
@click.pass_obj
def brevo(settings: Settings, domain: str, brevo_key: str | None, sender: str | None, no_flows: bool) -> None:
    """Give SHOP, which has installed the app, its Brevo account, or another key for it."""
    key = _secret(brevo_key, "--brevo-key", "BREVO_KEY")
    with _saying_what_is_wrong():
        deps = Deps.build(settings)
        with transaction(deps.engine) as connection:
            found = shops.by_domain(connection, shop_domain(domain))
        if found is None:
            raise click.ClickException(
                f"{domain} is not connected: install the app there, or see `connector shop add`."
            )
        connect_brevo(deps, found, ApiKey(key), sender, with_flows=not no_flows, say=click.echo)


@shop.command()
@click.argument("domain", metavar="SHOP")
@click.argument("changes", metavar="[FILE]", type=click.File("rb"), required=False)
@click.pass_obj
def settings(own: Settings, domain: str, changes: Any) -> None:
    """Show the settings of SHOP as JSON, or change those that FILE names (- reads the input).

    For example {"address": "Main Street 1, 10115 Berlin", "offers": {"cart": {"code": "BACK10", "percent": 10}}}.
    """
    with transaction(create_engine(own.database_url, 1)) as connection:
        found = shops.by_domain(connection, shop_domain(domain))
        if found is None:
            raise click.ClickException(f"{domain} is not connected: see `connector shop add`.")
        if changes is not None:
            try:
                wanted = orjson.loads(changes.read())
                if not isinstance(wanted, dict):
                    raise ValueError("the file must hold a JSON object")
                shops.change_settings(connection, found.id, wanted)
            except ValidationError as error:
                raise click.ClickException(f"Nothing was changed: {error.normalized_messages()}") from error
            except ValueError as error:
                raise click.ClickException(f"Nothing was changed: {error}") from error
            found = shops.load(connection, found.id)
        click.echo(orjson.dumps(dict(found.settings), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode())


@contextmanager
def _saying_what_is_wrong() -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    except ConnectorError as error:
        raise click.ClickException(str(error)) from error
    except OperationalError as error:
        raise click.ClickException("The database does not answer: check DATABASE_URL.") from error


def _secret(value: str | None, option: str, variable: str) -> str:
    text = _line() if value == "-" else (value or "")
    if not text.strip():
        raise click.UsageError(f"{option} is required (or {variable} in the environment, or {option} -).")
    return text.strip()


def _line() -> str:
    return sys.stdin.readline().strip()
