"""``connector shop``: connect a store and a Brevo account with their credentials."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import click
import orjson
from marshmallow import ValidationError
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from connector import pauses, shops
from connector.backoff import in_turn
from connector.brevo.client import BrevoAccount
from connector.db.session import create_engine, transaction
from connector.deps import Deps
from connector.errors import ConnectorError, InvalidInput, ProviderError, Refused
from connector.models.shop import shops as shops_table
from connector.settings import Settings
from connector.shopify.domain import shop_domain
from connector.shopify.graphql import PartialData, Store
from connector.shopify.subscriptions import subscribe
from flows.engine.publish import publish_library
from sync import attributes
from sync.mapping import contact as contact_mapping
from webhooks import addresses
from webhooks.topics import TOPICS
from webhooks.verify import token_digest

# Machine seconds for which a limit is waited for.
_PATIENCE = 20.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Credentials:
    """What the merchant gives. ``secret``: the shop's own webhook secret when it is not the app's."""

    domain: str
    token: str = field(repr=False)
    brevo_key: str = field(repr=False)
    sender: str | None = None
    name: str | None = None
    secret: str | None = field(default=None, repr=False)


@click.group()
def shop() -> None:
    """Connect shops."""


@shop.command()
@click.argument("domain", metavar="SHOP")
@click.option("--token", envvar="SHOPIFY_TOKEN", help="Admin API access token; - reads a line of the input.")
@click.option("--brevo-key", envvar="BREVO_KEY", help="Brevo API key; - reads a line of the input.")
@click.option("--secret", envvar="SHOPIFY_SHOP_SECRET", help="The shop's own webhook secret, if it has one.")
@click.option("--sender", help="Sender's email (default: the first active sender of the Brevo account).")
@click.option("--name", help="Shop name in messages (default: the store's own).")
@click.option("--no-flows", is_flag=True, help="Do not publish and activate the flows of the library.")
@click.pass_obj
def add(
    settings: Settings | None,
    domain: str,
    token: str | None,
    brevo_key: str | None,
    secret: str | None,
    sender: str | None,
    name: str | None,
    no_flows: bool,
) -> None:
    """Connect SHOP (name.myshopify.com), or give a connected one new credentials."""
    given = Credentials(
        domain,
        _secret(token, "--token", "SHOPIFY_TOKEN"),
        _secret(brevo_key, "--brevo-key", "BREVO_KEY"),
        sender,
        name,
        _line() if secret == "-" else secret,  # noqa: S105
    )
    try:
        deps = Deps.build(settings or Settings.from_env())
        connect(deps, given, with_flows=not no_flows, say=click.echo)
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    except ConnectorError as error:
        raise click.ClickException(str(error)) from error
    except OperationalError as error:
        raise click.ClickException("The database does not answer: check DATABASE_URL.") from error


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


def connect(deps: Deps, given: Credentials, *, with_flows: bool, say: Say) -> int:
    """Connect the shop and return its id. Safe to repeat: it then updates the credentials.

    1. check the Brevo key and choose the sender, 2. ask the store who it is, 3. write the shop, 4. publish
    the flows, 5. create contact attributes, 6. activate e-commerce, 7. register Brevo's webhook, 8. subscribe to the
    store's topics.
    What fails after 3 is said with what to do about it, and does not undo the rest.

    Raises InvalidInput (domain, sender), ConfigurationError, ProviderError (Brevo does not accept the key).
    """
    domain = shop_domain(given.domain)
    account = BrevoAccount(0, given.brevo_key, deps.settings, deps.http, deps.limiter)
    sender_email, sender_name = _sender(account, given.sender, say)
    store = Store(domain, given.token, deps.settings, deps.http)
    described = _describe(store, say)
    name = given.name or described.get("name") or domain.removesuffix(".myshopify.com")
    shop_id = _write(deps, domain, given, described, name, (sender_email, sender_name or name))
    say(f"Shop {shop_id}: {domain} ({name}), messages from {sender_email}.")
    if with_flows:
        with transaction(deps.engine) as connection:
            publish_library(connection, shop_id, deps.clock.now())
        say("Flows of the library are published and active.")
    with transaction(deps.engine) as connection:
        connected = shops.load(connection, shop_id)
    _attributes(account, connected, say)
    _ecommerce(account, say)
    _brevo_webhook(deps, account, shop_id, say)
    _store_webhooks(deps, store, say)
    return shop_id


def _secret(value: str | None, option: str, variable: str) -> str:
    text = _line() if value == "-" else (value or "")
    if not text.strip():
        raise click.UsageError(f"{option} is required (or {variable} in the environment, or {option} -).")
    return text.strip()


def _line() -> str:
    return sys.stdin.readline().strip()


def _sender(account: BrevoAccount, wanted: str | None, say: Say) -> tuple[str, str | None]:
    account.await_turn("other")
    try:
        senders = account.senders()
    except Refused as error:
        # The key was accepted, or this would be an ActionNeeded.
        if wanted is None:
            raise
        say(f"Warning: the account's senders could not be read ({error}).")
        return wanted, None
    active = [one for one in senders if one.get("active", True) and one.get("email")]
    if wanted is None:
        if not active:
            raise InvalidInput(
                "The Brevo account has no active sender: add and verify one at Brevo, or give --sender EMAIL."
            )
        return str(active[0]["email"]), active[0].get("name")
    known = next((one for one in active if str(one["email"]).lower() == wanted.lower()), None)
    if known is None:
        say(f"Warning: {wanted} is no active sender of the Brevo account: Brevo may refuse its messages.")
    return wanted, known.get("name") if known else None


def _describe(store: Store, say: Say) -> dict[str, Any]:
    """What the store says of itself, as far as the token may read it."""
    described: dict[str, Any] = {}
    problem: ProviderError | None = None
    # The postal address is asked for apart: not every token may read it, and the rest must not fail with it.
    for document in ("shop_address", "shop"):
        problem = None
        try:
            data: Any = in_turn(partial(store.query, document), _PATIENCE)
        except PartialData as error:
            data = error.data
        except ProviderError as error:
            problem = error
            continue
        described |= data.get("shop") or {}
    if problem is not None:
        say(f"Warning: the store does not say who it is ({problem}). UTC and USD stand in: add the shop again.")
    return described


def _write(
    deps: Deps,
    domain: str,
    given: Credentials,
    described: dict[str, Any],
    name: str,
    sender: tuple[str, str],
) -> int:
    now = deps.clock.now()
    with transaction(deps.engine) as connection:
        before = shops.by_domain(connection, domain)
        values: dict[str, Any] = {
            "name": name,
            "state": "active",
            "sender_email": sender[0],
            "sender_name": sender[1],
            "timezone": described.get("ianaTimezone") or (before.timezone if before else "UTC"),
            "currency": described.get("currencyCode") or (before.currency if before else "USD"),
        }
        if before is None:
            values |= {
                "salt": secrets.token_bytes(32),
                "settings": _first_settings(described),
                # Matches no token until Brevo has been given one.
                "brevo_webhook_digest": "",
            }
            shop_id = shops.add(connection, domain, values, now)
        else:
            shop_id = before.id
            connection.execute(update(shops_table).where(shops_table.c.id == shop_id).values(**values))
            # Brevo has just accepted the key.
            pauses.lift(connection, shop_id)
        sealed = {
            "shopify_token": deps.secrets.encrypt(shop_id, "shopify_token", given.token),
            "brevo_key": deps.secrets.encrypt(shop_id, "brevo_key", given.brevo_key),
        }
        if given.secret:
            sealed["shopify_secret"] = deps.secrets.encrypt(shop_id, "shopify_secret", given.secret)
        connection.execute(update(shops_table).where(shops_table.c.id == shop_id).values(**sealed))
    return shop_id


def _first_settings(described: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if url := (described.get("primaryDomain") or {}).get("url"):
        settings["url"] = url
    lines = described.get("shopAddress") or {}
    address = [lines.get(key) for key in ("company", "address1", "address2", "zip", "city", "country")]
    if any(address):
        settings["address"] = ", ".join(str(part) for part in address if part)
    return settings


def _attributes(account: BrevoAccount, connected: shops.Shop, say: Say) -> None:
    try:
        done = attributes.ensure(account, contact_mapping.attributes(connected.settings["contact_mapping"]))
    except ConnectorError as error:
        say(
            f"Warning: contact attributes could not be checked ({error}). Brevo drops values of missing ones:"
            " add the shop again."
        )
        return
    for problem in done.problems:
        say(f"Warning: {problem}. Change it at Brevo or map another name.")
    say(f"Contact attributes: {len(done.created)} created.")


def _ecommerce(account: BrevoAccount, say: Say) -> None:
    """Without it Brevo refuses orders and products. Activating again does no harm."""
    try:
        account.await_turn("other")
        account.activate_ecommerce()
    except ProviderError as error:
        say(
            f"Warning: e-commerce could not be activated at Brevo ({error}). Orders and products will not arrive there:"
            " activate it in the Brevo account, or add the shop again."
        )
        return
    say("E-commerce is active at Brevo.")


def _brevo_webhook(deps: Deps, account: BrevoAccount, shop_id: int, say: Say) -> None:
    """Brevo gets a new bearer token each time; its digest is stored only when Brevo has taken the token."""
    url = addresses.of_brevo(deps.settings.public_url, shop_id)
    token = secrets.token_urlsafe(32)
    body = {
        "url": url,
        "description": "Deliveries, clicks and opt-outs for the Shopify connector",
        "events": list(addresses.BREVO_EVENTS),
        "auth": {"type": "bearer", "token": token},
    }
    try:
        account.await_turn("other")
        existing = next((one for one in account.webhooks() if one.get("url") == url), None)
        account.await_turn("other")
        if existing is None:
            account.create_webhook({**body, "type": "transactional", "channel": "email"})
        else:
            account.update_webhook(int(existing["id"]), body)
    except ProviderError as error:
        say(
            f"Warning: Brevo's webhook to {url} could not be registered ({error}). Bounces and opt-outs"
            " made at Brevo will not arrive: add the shop again."
        )
        return
    with transaction(deps.engine) as connection:
        connection.execute(
            update(shops_table).where(shops_table.c.id == shop_id).values(brevo_webhook_digest=token_digest(token))
        )
    say(f"Brevo reports to {url}.")


def _store_webhooks(deps: Deps, store: Store, say: Say) -> None:
    uri = addresses.of_shopify(deps.settings.public_url)
    topics = [name for source, name in TOPICS if source == "shopify"]
    result = subscribe(store, topics, uri)
    for topic, problem in result.problems.items():
        say(f"Warning: no subscription to {topic}: {problem}")
    if result.problems:
        say(f"Subscribe these topics to {uri} in the app's configuration, or add the shop again.")
    say(f"The store reports {result.standing} of {len(topics)} topics to {uri}.")
