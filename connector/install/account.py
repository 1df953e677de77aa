"""The Brevo account of a shop, and all that is set up in it: flows, attributes, e-commerce, webhook."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import update

from connector import brevo_tokens, pauses, shops
from connector.brevo.client import BrevoAccount
from connector.brevo.credentials import Access, ApiKey
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ConfigurationError, ConnectorError, InvalidInput, ProviderError, Refused
from connector.install import Say, moving, survey
from connector.models.shop import shops as shops_table
from connector.queue.bells import ring
from connector.shops import Shop
from flows.engine.publish import FROM_THE_START, publish_library
from sync import attributes, lists
from sync.mapping import contact as contact_mapping
from webhooks import registration


@dataclass(frozen=True)
class Sender:
    """Whom messages come from. ``name``: None when Brevo does not know one."""

    email: str
    name: str | None


def choose_sender(deps: Deps, credential: ApiKey | Access, wanted: str | None, say: Say) -> Sender:
    """The wanted sender, or the first active one of the account that this credential opens.

    Raises ActionNeeded when Brevo does not accept it, InvalidInput when there is no sender, ProviderError.
    """
    account = BrevoAccount(0, credential, deps.settings, deps.http, deps.limiter)
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
    credential: ApiKey | Access,
    sender: str | Sender | None = None,
    *,
    with_flows: bool = True,
    say: Say = lambda _: None,
) -> Shop:
    """Give the shop its Brevo account: from now on it is active. Safe to repeat, for another credential or sender.

    1. check the credential and choose the sender, 2. write them and ask for what the account holds
    (``connector.install.survey``), 3. publish the flows, 4. create contact attributes and lists, 5. activate
    e-commerce, 6. register Brevo's webhooks.
    ``sender``: an email, what ``choose_sender`` answered, or None for the account's first.

    Raises InvalidInput (sender; a shop that is not installed), ConfigurationError, ProviderError (the credential).
    """
    if shop.shopify_token is None:
        raise InvalidInput(f"{shop.domain} has not installed the app: connect the store first.")
    chosen = sender if isinstance(sender, Sender) else choose_sender(deps, credential, sender, say)
    brevo_account = _which(BrevoAccount(0, credential, deps.settings, deps.http, deps.limiter), say)
    with transaction(deps.engine) as connection:
        connection.execute(
            update(shops_table)
            .where(shops_table.c.id == shop.id)
            .values(
                state="active",
                sender_email=chosen.email,
                sender_name=chosen.name or shop.name,
                brevo_account=brevo_account,
            )
        )
        brevo_tokens.keep(connection, deps.secrets, shop.id, credential, deps.clock.wire())
        # Brevo has just accepted it.
        pauses.lift(connection, shop.id)
        moved = None not in (shop.brevo_account, brevo_account) and shop.brevo_account != brevo_account
        again = moving.tell_again(connection, shop.id, deps.clock.machine()) if moved else 0
        first = survey.ask(connection, shop.id, brevo_account, deps.clock.now(), deps.clock.machine())
        if with_flows:
            publish_library(connection, shop.id, deps.clock.now())
        connected = shops.load(connection, shop.id)
    say(f"Shop {shop.id}: {shop.domain} ({shop.name}), messages from {chosen.email}.")
    if with_flows:
        say(f"These flows are published and active: {', '.join(FROM_THE_START)}. The library has more of them.")
    if moved:
        say(f"{moving.WARNING} Records to be told again: {again}.")
    if first:
        say("Brevo is asked who has opted out there. Until that is known, some minutes, nothing is told or sent.")
    ring(deps.redis, "survey", shop.id)
    account = deps.brevo(connected)
    _attributes(account, connected, say)
    connected = _lists(deps, connected, account, say)
    _ecommerce(account, say)
    registration.ensure(deps, account, shop.id, say)
    return connected


def report_again(deps: Deps, shop: Shop, say: Say) -> None:
    """Have Brevo report to a shop that has installed the app again and whose account is known: its webhooks went with
    the app (``connector.install.leaving``)."""
    try:
        registration.ensure(deps, deps.brevo(shop), shop.id, say)
    except ConfigurationError as error:
        say(f"Warning: {error}. Connect Brevo again.")


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


def _lists(deps: Deps, connected: Shop, account: BrevoAccount, say: Say) -> Shop:
    try:
        known, made = lists.ensure(deps, connected, account)
    except ConnectorError as error:
        say(f"Warning: the lists at Brevo could not be made ({error}). Nobody is put on one: add the shop again.")
        return connected
    say(f"Lists at Brevo, in the folder {lists.FOLDER}: {len(made)} created.")
    return known


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
