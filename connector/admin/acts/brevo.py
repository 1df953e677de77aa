"""The shop's account at Brevo: how it stands, and connecting one, by an API key or by what a merchant agrees to there.

A credential goes in and never comes out: no answer, line or log has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from marshmallow import Schema, fields, validate

from connector import audit, capabilities, pauses
from connector.admin import shown
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, View
from connector.brevo import oauth
from connector.brevo.credentials import Access, ApiKey
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ActionNeeded, InvalidInput, Refused
from connector.install import starting
from connector.install.account import choose_sender, connect_brevo
from connector.shops import Shop

OF_BREVO = ("brevo", "email", "sms", "whatsapp", "push")
"""The capabilities (``connector.capabilities``) that hang on the account."""
_OPAQUE = validate.Regexp(r"[\x21-\x7e]{1,4000}\Z", error="This is not what Brevo answers.")


class _WithSender(Schema):
    # Without one, the first active sender of the account.
    sender = fields.Email(load_default=None, error_messages={"invalid": "This is no email address."})


class Account(_WithSender):
    key = fields.String(
        required=True,
        validate=validate.Regexp(r"[\x21-\x7e]{10,300}\Z", error="This does not look like an API key of Brevo."),
    )


class Agreement(Schema):
    """What Brevo's answer to the question carries."""

    code = fields.String(required=True, validate=_OPAQUE)
    state = fields.String(required=True, validate=_OPAQUE)


class Finish(Agreement, _WithSender):
    """The same, with the sender."""


def question(deps: Deps, shop: Shop, visitor: Visitor, state: str) -> oauth.Question:
    """The question that this is the answer to, when it was this visitor's, about this shop. Raises InvalidInput."""
    asked = oauth.read_state(deps.secrets, state, real(deps))
    if asked.shop_id != shop.id or asked.actor not in (visitor.actor, oauth.COMMAND):
        raise oauth.NotOurs("somebody else asked for this, or for another shop")
    return asked


def real(deps: Deps) -> float:
    """Unix seconds: how long a merchant may take is a matter of real people."""
    return deps.clock.machine().timestamp()


def _connect(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    _installed(shop)
    return _connected(deps, shop, visitor, ApiKey(given["key"]), given["sender"], "key")


def _finish(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    _installed(shop)
    try:
        asked = question(deps, shop, visitor, given["state"])
        oauth.use_once(deps.redis, given["state"])
        desk = oauth.TokenDesk(deps.settings, deps.http, deps.clock)
        grant = desk.redeem(given["code"], asked.verifier)
    except InvalidInput as error:
        raise InvalidInput(f"Start again: {error}.") from error
    except (ActionNeeded, Refused) as error:
        raise InvalidInput(f"Brevo gives no access, start again: {error.detail}.") from error
    return _connected(deps, shop, visitor, Access(grant), given["sender"], "oauth")


def _installed(shop: Shop) -> None:
    if shop.state == "uninstalled":
        raise LookupError("The app is not installed in this store any more.")


def _connected(
    deps: Deps, shop: Shop, visitor: Visitor, credential: ApiKey | Access, wanted: str | None, kind: str
) -> Mapping[str, Any]:
    """``said``: what was done, in sentences."""
    said: list[str] = []
    try:
        # Tells whether the credential is right, and changes nothing.
        sender = choose_sender(deps, credential, wanted, said.append)
    except ActionNeeded as error:
        raise InvalidInput(f"Brevo does not accept this {kind}: {shown.masked_text(error.detail)}") from error
    with transaction(deps.engine) as connection:
        audit.record(
            connection,
            shop_id=shop.id,
            actor=visitor.actor,
            act="brevo.connect",
            object_kind="shop",
            object_id=shop.id,
            detail={"state before": shop.state, "credential": kind},
            now=deps.clock.now(),
        )
    # Nothing is sent before the merchant says so: the first flows come as drafts.
    connected = connect_brevo(deps, shop, credential, sender, with_flows=False, say=said.append)
    with deps.open(connected) as scope:
        if starting.put_in(scope, by=visitor.actor):
            said.append("The first flows are there, as drafts: they send nothing before you activate them.")
    return {"state": connected.state, "sender": connected.sender_email, "said": said}


def _read(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    with transaction(deps.engine) as connection:
        found = capabilities.of(connection, shop)
        paused = pauses.pauses(connection, shop.id)
    return {
        "connected": shop.has_brevo,
        "credential": ("oauth" if shop.brevo_grant else "key") if shop.has_brevo else None,
        "state": shop.state,
        "sender": {"email": shop.sender_email, "name": shop.sender_name} if shop.has_brevo else None,
        "capabilities": [_told(one) for one in found],
        "paused": [{"channel": one.channel, "since": one.since, "says": one.sentence} for one in paused],
    }


def _told(one: capabilities.Capability) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "endpoint"}


CONNECT = Act(
    "connect_brevo",
    "brevo",
    "Connect an account of Brevo by its API key, or replace it by another key, account or sender. The key is never"
    " given back.",
    _connect,
    Account(),
)
FINISH = Act(
    "finish_brevo", "brevo/agreed", "Connect the account that a merchant has agreed to at Brevo.", _finish, Finish()
)
ACTS = (CONNECT, FINISH)
VIEWS = (View("brevo", "brevo", "How the account at Brevo stands, and what the shop can do with it.", _read),)
