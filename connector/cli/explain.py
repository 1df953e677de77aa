"""``connector explain``: why somebody is in a flow or is not, and what would change it."""

from __future__ import annotations

import click
import orjson

from connector import shops
from connector.admin.people import search
from connector.cli import explained
from connector.db.session import create_engine, reading
from connector.scope import Scope
from connector.settings import Settings
from connector.shopify.domain import shop_domain
from flows.engine import explaining
from flows.engine.explaining import Explanation
from sync import people


@click.command()
@click.option("--shop", "domain", required=True, help="The shop's domain.")
@click.option("--person", "wanted", required=True, help="An email address, a telephone number or a customer's id.")
@click.option("--flow", "name", help="The flow's own name; without it all flows, a line for each.")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
@click.pass_obj
def explain(settings: Settings, domain: str, wanted: str, name: str | None, as_json: bool) -> None:
    """Why PERSON is in FLOW or is not, what they are sent and what would change it.

    Every rule of entering and every check before a message is asked as the connector itself asks it, on what is known
    now. Nothing is changed.
    """
    engine = create_engine(settings.database_url, 1)
    try:
        with reading(engine) as connection:
            shop = shops.by_domain(connection, shop_domain(domain))
            if shop is None:
                raise click.ClickException(f"{domain} is not connected: see `connector shop add`.")
            clock = settings.clock
            scope = Scope(connection, shop, clock.now(), clock.machine(), settings)
            told = _explained(scope, _person(scope, wanted), name)
    finally:
        engine.dispose()
    if as_json:
        click.echo(orjson.dumps(told[0] if name else told, option=orjson.OPT_INDENT_2).decode())
    else:
        for line in explained.lines(told[0]) if name else map(explained.brief, told):
            click.echo(line)


def _explained(scope: Scope, person_id: int, name: str | None) -> list[Explanation]:
    names = [flow.flow for flow in explaining.standing(scope, name)]
    if not names:
        what = f"no flow {name}" if name else "no flows"
        raise click.ClickException(f"{scope.shop.domain} has {what}: see `connector flows list --shop SHOP`.")
    return [explaining.explain(scope, [person_id], one, ahead=name is not None)[person_id] for one in names]


def _person(scope: Scope, wanted: str) -> int:
    """Whom an address, a customer's id or a telephone number names, in this order."""
    wanted = wanted.strip()
    kind, value = ("email", wanted.lower()) if "@" in wanted else ("customer", wanted)
    found = people.person_of(scope, kind, value)
    if found is not None:
        return found
    having = [one.id for one in search(scope.connection, scope.shop, wanted) if one.by == "telephone"]
    if len(having) > 1:
        raise click.ClickException(f"{len(having)} people have this number: name the customer's id, or an address.")
    if not having:
        raise click.ClickException(f"Nobody at {scope.shop.domain} is known by {wanted}.")
    return having[0]
