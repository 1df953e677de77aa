"""``connector app``: the app as Shopify knows it."""

from __future__ import annotations

import click

from connector.settings import Settings
from connector.shopify import app_toml
from webhooks import addresses
from webhooks.topics import TOPICS


@click.group()
def app() -> None:
    """The app's configuration at Shopify."""


@app.command()
@click.pass_obj
def toml(settings: Settings) -> None:
    """Print shopify.app.toml for this installation: addresses, scopes, topics. `shopify app deploy` takes it."""
    if not settings.shopify_api_key:
        click.echo("SHOPIFY_API_KEY is not set: client_id is empty.", err=True)
    topics = [name for source, name in TOPICS if source == "shopify"]
    click.echo(app_toml.write(settings, topics, addresses.of_shopify(settings.public_url)), nl=False)
