"""``connector brevo doctor --probe``: which spelling of the idempotency key Brevo honours, and how it answers a replay.

Brevo's sources spell it in three ways. Each is tried with two equal requests to POST /smtp/email that bear
``X-Sib-Sandbox: drop``: Brevo checks them and sends nothing (its reference). They are addressed to the shop's own
sender all the same. What is found holds for such dry requests; that real ones are treated alike is likely, not certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid5

from sqlalchemy import update

from connector.brevo.client import BrevoAccount
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import AlreadyAccepted, ProviderError
from connector.eventlog import NAMESPACE
from connector.models.survey import brevo_surveys
from connector.shops import Shop

SPELLINGS = ("idempotencyKey", "Idempotency-Key", "IdempotencyKey")
COSTS = (
    f"{2 * len(SPELLINGS)} calls of the limit for emails. Nothing is sent: each asks Brevo to drop it, and is addressed"
    " to the shop's own sender."
)
# Machine seconds for which a call waits for its turn.
_PATIENCE = 5.0
_HONOURED = {"refused", "same answer"}


def probe(deps: Deps, shop: Shop) -> dict[str, Any]:
    """{"honoured": [spelling], "replays": {spelling: what the second request was answered}, "at"}: found out and kept.

    An answer is "refused" (as accepted before), "same answer", "accepted again" or what else went wrong. Raises
    ProviderError when the first request of a pair is not accepted.
    """
    account = deps.brevo(shop)
    now = deps.clock.now()
    replays = {}
    for spelling in SPELLINGS:
        # Another key for each: one that is honoured must not speak for another spelling. Real time, because a key is
        # remembered for half an hour of it.
        key = uuid5(NAMESPACE, f"probe:{shop.id}:{spelling}:{deps.clock.machine().isoformat()}")
        replays[spelling] = _pair(account, _body(shop, {spelling: str(key)}))
    told = {
        "honoured": [spelling for spelling, answer in replays.items() if answer in _HONOURED],
        "replays": replays,
        "at": now.isoformat(),
    }
    with transaction(deps.engine) as connection:
        connection.execute(update(brevo_surveys).where(brevo_surveys.c.shop_id == shop.id).values(idempotency=told))
    return told


def in_words(told: Mapping[str, Any]) -> str:
    """What was found, as a sentence."""
    honoured = told["honoured"]
    if not honoured:
        return "No spelling of the idempotency key is honoured: a repeated request is accepted again."
    how = {told["replays"][one] for one in honoured}
    replay = "refused as accepted before" if how == {"refused"} else "answered as the first was"
    return f"Honoured: {', '.join(honoured)}. A replay is {replay}."


def _body(shop: Shop, headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "sender": {"email": shop.sender_email},
        "to": [{"email": shop.sender_email}],
        "subject": "Probe of idempotency",
        "textContent": "This is never delivered.",
        "headers": {"X-Sib-Sandbox": "drop", **headers},
    }


def _pair(account: BrevoAccount, body: Mapping[str, Any]) -> str:
    account.await_turn("email", _PATIENCE)
    first = account.send_email(body)
    account.await_turn("email", _PATIENCE)
    try:
        second = account.send_email(body)
    except AlreadyAccepted:
        return "refused"
    except ProviderError as error:
        return f"{error.status or 'no answer'} {error.code}".strip()
    return "same answer" if second == first else "accepted again"
