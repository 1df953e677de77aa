"""The store's side: the shop's row, what the store says of itself, the scopes it grants, the topics it reports."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import update

from connector import shops
from connector.backoff import in_turn
from connector.clock import pause
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput, ProviderError, Retry
from connector.install import PATIENCE, Say, survey
from connector.install.account import report_again
from connector.models.shop import shops as shops_table
from connector.shopify.domain import shop_domain
from connector.shopify.graphql import PartialData, Store
from connector.shopify.scopes import NEEDED, missing
from connector.shopify.subscriptions import API_ONLY, COMPLIANCE, subscribe
from connector.shops import Shop
from connector.tokens import EXPIRING, ShopTokens, keep_fixed
from flows.engine import closing
from sync import backfill
from webhooks import addresses
from webhooks.topics import TOPICS

_SUFFIX = ".myshopify.com"
# The actor of what an installation does by itself.
BY = "install"


def arrive(deps: Deps, domain: str) -> Shop:
    """The shop's row; a new one is not installed yet and has no token. Raises InvalidInput."""
    wanted = shop_domain(domain)
    with transaction(deps.engine) as connection:
        found = shops.by_domain(connection, wanted)
        if found is not None:
            return found
        values = {
            "name": wanted.removesuffix(_SUFFIX),
            "state": "uninstalled",
            "sender_email": "",
            "sender_name": "",
            "timezone": "UTC",
            "currency": "USD",
            "salt": secrets.token_bytes(32),
            "settings": {},
            # Matches no token until Brevo has been given one.
            "brevo_webhook_digest": "",
        }
        return shops.load(connection, shops.add(connection, wanted, values, deps.clock.now()))


def give_token(deps: Deps, shop: Shop, token: str, secret: str | None = None) -> Shop:
    """Keep a token that does not expire. ``secret``: the shop's own webhook secret when it is not the app's."""
    with transaction(deps.engine) as connection:
        keep_fixed(connection, deps.secrets, shop.id, token)
        _keep_own_app(connection, deps, shop, None, secret)
        return shops.load(connection, shop.id)


def give_client(deps: Deps, shop: Shop, client_id: str, client_secret: str) -> Shop:
    """Keep the credentials of an own-organisation app and get its first token.

    Raises ActionNeeded when the store does not accept them, Retry when it does not answer.
    """
    with transaction(deps.engine) as connection:
        _keep_own_app(connection, deps, shop, client_id, client_secret)
    deps.tokens(shop).obtain()
    return _loaded(deps, shop.id)


def take_token(deps: Deps, shop: Shop, ask: Callable[[ShopTokens], None]) -> Shop:
    """Begin a chain of expiring tokens (``ShopTokens.exchange`` or ``redeem``). Raises what they raise."""
    ask(deps.tokens(shop))
    return _loaded(deps, shop.id)


def set_up(deps: Deps, shop: Shop, say: Say, *, name: str | None = None) -> Shop:
    """All that follows the token on the store's side. ``name``: instead of the store's own.

    A shop whose Brevo account is known goes on as it was, any other is ``installed`` and waits for one. What an earlier
    installation left open is closed first, and an erasure that was to follow it is off.

    Raises Retry when what is left open cannot be closed now.
    """
    if shop.state == "uninstalled":
        _close(deps, shop)
    store = deps.store(shop)
    described = _describe(store, say)
    now = deps.clock.now()
    values: dict[str, Any] = {"uninstalled_at": None}
    if shop.state not in ("active", "paused"):
        values["state"] = "active" if shop.has_brevo and shop.sender_email else "installed"
    if shop.state in ("uninstalled", "installed"):
        values["installed_at"] = now
    if wanted := name or described.get("name"):
        values["name"] = wanted
    for column, told in (("timezone", "ianaTimezone"), ("currency", "currencyCode")):
        if described.get(told):
            values[column] = described[told]
    granted = _granted(store, say)
    if granted is not None:
        values |= {"granted_scopes": sorted(granted), "scopes_heard_at": now}
    with transaction(deps.engine) as connection:
        connection.execute(update(shops_table).where(shops_table.c.id == shop.id).values(**values))
        missing_settings = {key: value for key, value in _settings(described).items() if key not in shop.raw_settings}
        if missing_settings:
            shops.change_settings(connection, shop.id, missing_settings)
        if values.get("state") == "active":
            # What Brevo reported meanwhile did not arrive.
            survey.ask(connection, shop.id, shop.brevo_account, now, deps.clock.machine())
    if _subscribe(deps, shop, store, say):
        _go_live(deps, shop, say, anew=shop.state == "uninstalled")
    connected = _loaded(deps, shop.id)
    if values.get("state") == "active":
        report_again(deps, connected, say)
    return connected


def _loaded(deps: Deps, shop_id: int) -> Shop:
    with transaction(deps.engine) as connection:
        return shops.load(connection, shop_id)


def _keep_own_app(connection: Any, deps: Deps, shop: Shop, client_id: str | None, secret: str | None) -> None:
    values: dict[str, Any] = {"shopify_client_id": client_id}
    if secret:
        values["shopify_secret"] = deps.secrets.encrypt(shop.id, "shopify_secret", secret)
    connection.execute(update(shops_table).where(shops_table.c.id == shop.id).values(**values))


def _close(deps: Deps, shop: Shop) -> None:
    for _ in range(200):
        if closing.close_all(deps, shop):
            return
        # Somebody who is locked now.
        pause(0.05)
    raise Retry("shopify", "what the shop left open is still being closed: try again", after=1.0)


def _describe(store: Store, say: Say) -> dict[str, Any]:
    """What the store says of itself, as far as the token may read it."""
    described: dict[str, Any] = {}
    problem: ProviderError | None = None
    # The postal address is asked for apart: not every token may read it, and the rest must not fail with it.
    for document in ("shop_address", "shop"):
        problem = None
        try:
            data: Any = in_turn(partial(store.query, document), PATIENCE)
        except PartialData as error:
            data = error.data
        except ProviderError as error:
            problem = error
            continue
        described |= data.get("shop") or {}
    if problem is not None:
        say(f"Warning: the store does not say who it is ({problem}). UTC and USD stand in: add the shop again.")
    return described


def _granted(store: Store, say: Say) -> frozenset[str] | None:
    """The scopes that the token has, held against those that are needed; None when the store does not tell."""
    try:
        said: Any = in_turn(partial(store.query, "app_installation"), PATIENCE)
    except ProviderError as error:
        say(f"Warning: the store does not say which scopes are granted ({error}).")
        return None
    handles = (said.get("currentAppInstallation") or {}).get("accessScopes") or []
    granted = frozenset(str(scope.get("handle")) for scope in handles)
    if lacking := missing(granted):
        what = "; ".join(f"{scope} ({NEEDED[scope].purpose})" for scope in lacking)
        say(f"Warning: the app lacks scopes: {what}. Grant them in the app's configuration, then install it again.")
    return granted


def _settings(described: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if url := (described.get("primaryDomain") or {}).get("url"):
        settings["url"] = url
    lines = described.get("shopAddress") or {}
    address = [lines.get(key) for key in ("company", "address1", "address2", "zip", "city", "country")]
    if any(address):
        settings["address"] = ", ".join(str(part) for part in address if part)
    if code := lines.get("countryCodeV2"):
        settings["country"] = code
    return settings


def topics_to_subscribe(shop: Shop) -> list[str]:
    """The topics that the store must be asked for: an app that is installed by the platform carries most of them in its
    configuration (``connector app toml``)."""
    ours = [name for source, name in TOPICS if source == "shopify" and name not in COMPLIANCE]
    return [name for name in ours if shop.token_kind != EXPIRING or name in API_ONLY]


def _subscribe(deps: Deps, shop: Shop, store: Store, say: Say) -> bool:
    """Whether the store reports to us now."""
    uri = addresses.of_shopify(deps.settings.public_url)
    topics = topics_to_subscribe(shop)
    result = subscribe(store, topics, uri)
    for topic, problem in result.problems.items():
        say(f"Warning: no subscription to {topic}: {problem}")
    if result.problems:
        say(f"Subscribe these topics to {uri} in the app's configuration, or add the shop again.")
    say(f"The store reports {result.standing} of {len(topics)} topics to {uri}.")
    # An app that the platform installs brings its subscriptions along.
    return bool(result.standing) or shop.token_kind == EXPIRING


def _go_live(deps: Deps, shop: Shop, say: Say, *, anew: bool) -> None:
    """Since now the store reports what happens; what happened before is history, and is read once. ``anew``: also of a
    shop that was live before, and heard of nothing meanwhile."""
    # Whole seconds, as the store tells its times.
    since = deps.clock.now().replace(microsecond=0)
    with deps.open(shop) as scope:
        this = shops_table.c.id == shop.id
        first = this if anew else this & shops_table.c.live_since.is_(None)
        if not scope.connection.execute(update(shops_table).where(first).values(live_since=since)).rowcount:
            return
        if not deps.settings.backfill_on_install:
            return
        try:
            backfill.start(scope, by=BY)
        except InvalidInput:
            # One is under way.
            return
    say("The whole store is being read: the page Syncs shows how far it is.")
