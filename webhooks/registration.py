"""Having Brevo report to us: its webhooks of a shop's account, made or brought up to date."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import bindparam, text, update

from connector.brevo.client import BrevoAccount
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError
from connector.models.shop import shops
from webhooks import addresses
from webhooks.addresses import BREVO_WEBHOOKS, BrevoWebhook
from webhooks.verify import token_digest

Say = Callable[[str], None]


def ensure(deps: Deps, account: BrevoAccount, shop_id: int, say: Say) -> bool:
    """Register what is missing and bring the rest up to date; an account has room for 40, so ours are used again.

    Brevo gets a new bearer token each time. It and the one before are believed until Brevo has taken the new one
    everywhere, because Brevo drops for good what is turned away. Returns whether everything is registered; what is
    not, is said.
    """
    url = addresses.of_brevo(deps.settings.public_url, shop_id)
    token = secrets.token_urlsafe(32)
    with transaction(deps.engine) as connection:
        connection.execute(_BEGIN, {"shop_id": shop_id, "digest": token_digest(token)})
    try:
        existing = _existing(account, url)
    except ProviderError as error:
        say(
            f"Warning: Brevo does not say what it reports ({error}). Bounces and opt-outs made there may not arrive:"
            " add the shop again."
        )
        return False
    failed = [one for one in BREVO_WEBHOOKS if not _register(account, one, existing, url, token, say)]
    if not failed:
        with transaction(deps.engine) as connection:
            connection.execute(_END, {"shop": shop_id})
    told = [one.about for one in BREVO_WEBHOOKS if one not in failed]
    if told:
        say(f"Brevo reports to {url}: {'; '.join(told)}.")
    return not failed


# Many connects in a row, none of which reached Brevo, must not push out the token that Brevo has.
_BEGIN = text(
    """
UPDATE shops SET brevo_webhook_digest = :digest, brevo_webhook_digest_before =
    CASE brevo_webhook_digest_before WHEN '' THEN brevo_webhook_digest ELSE brevo_webhook_digest_before END
WHERE id = :shop_id
"""
)
_END = update(shops).where(shops.c.id == bindparam("shop")).values(brevo_webhook_digest_before="")


def _existing(account: BrevoAccount, url: str) -> Mapping[tuple[str, str], int]:
    """{(type, channel): id} of the account's webhooks that report to this address."""
    found: dict[tuple[str, str], int] = {}
    for kind in sorted({one.type for one in BREVO_WEBHOOKS}):
        account.await_turn("other")
        for hook in account.webhooks(kind):
            if hook.get("url") == url and isinstance(hook.get("id"), int):
                found.setdefault((kind, addresses.brevo_channel(hook)), hook["id"])
    return found


def _register(
    account: BrevoAccount,
    wanted: BrevoWebhook,
    existing: Mapping[tuple[str, str], int],
    url: str,
    token: str,
    say: Say,
) -> bool:
    body: dict[str, Any] = {
        "url": url,
        "description": wanted.description,
        "events": list(wanted.events),
        "auth": {"type": "bearer", "token": token},
    }
    known = existing.get((wanted.type, wanted.channel))
    try:
        account.await_turn("other")
        if known is None:
            account.create_webhook({**body, "type": wanted.type, "channel": wanted.channel})
        else:
            account.update_webhook(known, body)
    except ProviderError as error:
        say(f"Warning: Brevo's webhook for {wanted.about} could not be registered ({error}): add the shop again.")
        return False
    return True
