"""E-commerce has to be activated in a Brevo account once, or every call about orders and products is refused (403)."""

from __future__ import annotations

from collections.abc import Callable

from redis.exceptions import RedisError

from connector.errors import ActionNeeded, ProviderError
from connector.logging import get
from sync.copies.turn import Turn

log = get(__name__)

# Machine seconds. An account that may not be activated is asked no more often: the call is one of a hundred an hour.
_ASK_AGAIN = 900


def active(turn: Turn, call: Callable[[], None]) -> None:
    """Make this call; when Brevo says that it may not be made, activate e-commerce and make it once more.

    Raises the ProviderError of the call.
    """
    try:
        call()
    except ActionNeeded as error:
        if error.status != 403 or not _activated(turn):
            raise
        call()


def _activated(turn: Turn) -> bool:
    key = f"brevo:activate:{turn.shop.id}"
    try:
        if not turn.deps.redis.set(key, 1, nx=True, ex=_ASK_AGAIN):
            return False
        turn.account.await_turn("other")
        turn.account.activate_ecommerce()
    except (RedisError, ProviderError) as error:
        log.warning("ecommerce_not_activated", shop_id=turn.shop.id, error=str(error))
        return False
    return True
