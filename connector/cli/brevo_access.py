"""``connector brevo connect``: the address at which a merchant agrees that the app may work in their Brevo account."""

from __future__ import annotations

import click

from connector.brevo import oauth
from connector.cli.connected import connected
from connector.settings import Settings


@click.command()
@click.argument("domain", metavar="SHOP")
@click.option("--oauth", "agree", is_flag=True, help="Agree at Brevo instead of giving an API key.")
@click.pass_obj
def connect(settings: Settings, domain: str, agree: bool) -> None:
    """Print the address at which SHOP's merchant agrees at Brevo; an owner then finishes it in the admin.

    With an API key: `connector shop brevo`.
    """
    if not agree:
        raise click.UsageError("Say --oauth; with an API key it is `connector shop brevo`.")
    with connected(settings, domain) as (deps, shop):
        if shop.state == "uninstalled":
            raise click.ClickException(f"{domain} has not installed the app: connect the store first.")
        now = deps.clock.machine().timestamp()
        click.echo(oauth.authorize_url(settings, deps.secrets, shop.id, oauth.COMMAND, now))
    click.echo(
        f"Open it within {int(oauth.STATE_SECONDS // 60)} minutes and agree. Brevo leads back to"
        f" {oauth.redirect_uri(settings)}, where an owner of the shop finishes it (`connector staff add`).",
        err=True,
    )
