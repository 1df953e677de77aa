"""The Brevo account of a shop, and all that is set up in it: flows, attributes, e-commerce, webhook."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import update

from connector import pauses, shops
from connector.brevo.client import BrevoAccount
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ConnectorError, InvalidInput, ProviderError, Refused
from connector.install import Say
from connector.models.shop import shops as shops_table
from connector.shops import Shop
from flows.engine.publish import publish_library
from sync import attributes
from sync.mapping import contact as contact_mapping
from webhooks import addresses
from webhooks.verify import token_digest


@dataclass(frozen=True)
class Sender:
    """Whom messages come from. ``name``: None when Brevo does not know one."""

    email: str
    name: str | None


def choose_sender(deps: Deps, key: str, wanted: str | None, say: Say) -> Sender:
    """The wanted sender, or the first active one of the account that this key opens.

    Raises ActionNeeded when Brevo does not accept the key, InvalidInput when there is no sender, ProviderError.
    """
    account = BrevoAccount(0, key, deps.settings, deps.http, deps.limiter)
    account.await_turn("other")
    try:
        senders = account.senders()
    except Refused as error:
        # The key was accepted, or this would be an ActionNeeded.
        if wanted is None:
            raise
        say(f"Warning: the account's senders could not be read ({error}).")
        return Sender(wanted, None)
    active = [one for one in senders if one.get("active", True) and one.get("email")]
    if wanted is None:
        if not active:
            raise InvalidInput(
                "The Brevo account has no active sender: add and verify one at Brevo, or give --sender EMAIL."
            )
        return Sender(str(active[0]["email"]), active[0].get("name"))
    known = next((one for one in active if str(one["email"]).lower() == wanted.lower()), None)
    if known is None:
        say(f"Warning: {wanted} is no active sender of the Brevo account: Brevo may refuse its messages.")
    return Sender(wanted, known.get("name") if known else None)


def connect_brevo(
    deps: Deps,
    shop: Shop,
    key: str,
    sender: str | Sender | None = None,
    *,
    with_flows: bool = True,
    say: Say = lambda _: None,
) -> Shop:
    """Give the shop its Brevo account: from now on it is active. Safe to repeat, for a new key or another sender.

    1. check the key and choose the sender, 2. write them, 3. publish the flows, 4. create contact attributes,
    5. activate e-commerce, 6. register Brevo's webhook.
    ``sender``: an email, what ``choose_sender`` answered, or None for the account's first.

    Raises InvalidInput (sender; a shop that is not installed), ConfigurationError, ProviderError (the key).
    """
    if shop.shopify_token is None:
        raise InvalidInput(f"{shop.domain} has not installed the app: connect the store first.")
    chosen = sender if isinstance(sender, Sender) else choose_sender(deps, key, sender, say)
    brevo_account = _which(BrevoAccount(0, key, deps.settings, deps.http, deps.limiter), say)
    with transaction(deps.engine) as connection:
        connection.execute(
            update(shops_table)
            .where(shops_table.c.id == shop.id)
            .values(
                state="active",
                sender_email=chosen.email,
                sender_name=chosen.name or shop.name,
                brevo_key=deps.secrets.encrypt(shop.id, "brevo_key", key),
                brevo_account=brevo_account,
            )
        )
        # Brevo has just accepted the key.
        pauses.lift(connection, shop.id)
        if with_flows:
            publish_library(connection, shop.id, deps.clock.now())
        connected = shops.load(connection, shop.id)
    say(f"Shop {shop.id}: {shop.domain} ({shop.name}), messages from {chosen.email}.")
    if with_flows:
        say("Flows of the library are published and active.")
    account = deps.brevo(connected)
    _attributes(account, connected, say)
    _ecommerce(account, say)
    _webhook(deps, account, shop.id, say)
    return connected


def _which(account: BrevoAccount, say: Say) -> str | None:
    """What tells the account from others, so that shops which share one are known to."""
    try:
        account.await_turn("other")
        return account.account_id()
    except ProviderError as error:
        say(
            f"Warning: Brevo does not say whose account it is ({error}). If another shop uses the same, both will give"
            " contacts their own ids: add the shop again."
        )
        return None


def _attributes(account: BrevoAccount, connected: Shop, say: Say) -> None:
    try:
        done = attributes.ensure(account, contact_mapping.of_shop(connected))
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


def _webhook(deps: Deps, account: BrevoAccount, shop_id: int, say: Say) -> None:
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
