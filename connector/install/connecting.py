"""Connecting a shop with what somebody types in: a token or an app of its own, and a Brevo key."""

from __future__ import annotations

from dataclasses import dataclass, field

from connector.brevo.credentials import ApiKey
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.install import Say
from connector.install.account import choose_sender, connect_brevo
from connector.install.store import arrive, give_client, give_token, set_up
from connector.shopify.domain import shop_domain


@dataclass(frozen=True)
class Credentials:
    """What the merchant gives: a ``token`` that does not expire, or ``client_id`` and ``secret`` of an app of their own
    organisation. ``secret`` is also what its webhooks are signed with; without one that is the app's of the settings.
    """

    domain: str
    token: str = field(default="", repr=False)
    brevo_key: str = field(default="", repr=False)
    sender: str | None = None
    name: str | None = None
    secret: str | None = field(default=None, repr=False)
    client_id: str | None = None


def connect(deps: Deps, given: Credentials, *, with_flows: bool, say: Say) -> int:
    """Connect the shop and return its id. Safe to repeat: it then updates the credentials.

    1. check the Brevo key and choose the sender, 2. write the shop and its token, 3. ask the store who it is and what
    it allows, 4. subscribe to its topics, 5. set up the Brevo account (``connect_brevo``).
    What fails after 2 is said with what to do about it, and does not undo the rest.

    Raises InvalidInput (domain, sender, credentials), ConfigurationError, ProviderError (Brevo does not accept the key,
    or the store the client id).
    """
    domain = shop_domain(given.domain)
    if given.client_id and not given.secret:
        raise InvalidInput("A client id needs the client secret that belongs to it.")
    if bool(given.client_id) == bool(given.token):
        raise InvalidInput("Give either a token, or the client id and secret of the shop's own app.")
    sender = choose_sender(deps, ApiKey(given.brevo_key), given.sender, say)
    shop = arrive(deps, domain)
    if given.client_id and given.secret:
        shop = give_client(deps, shop, given.client_id, given.secret)
    else:
        shop = give_token(deps, shop, given.token, given.secret)
    shop = set_up(deps, shop, say, name=given.name)
    return connect_brevo(deps, shop, ApiKey(given.brevo_key), sender, with_flows=with_flows, say=say).id
