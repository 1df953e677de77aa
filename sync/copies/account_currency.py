"""In which currency the account at Brevo shows amounts: asked once a day, because it is a call of the narrowest limit.

An order or a product that says its amount in another one would be wrong there for good, so nothing of either is sent
before this is known.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from connector.db.session import autocommitted
from connector.errors import ActionNeeded, ProviderError, Refused
from connector.logging import get
from sync.copies import commerce
from sync.copies.turn import Interrupted, Turn

BUCKET = "other"
_HELD_FOR = timedelta(days=1)
log = get(__name__)

_KNOWN = text("SELECT currency, asked_real FROM account_currencies WHERE shop_id = :shop_id")
_KEEP = text(
    """
INSERT INTO account_currencies (shop_id, currency, asked_real) VALUES (:shop_id, :currency, :machine)
ON CONFLICT (shop_id) DO UPDATE SET currency = excluded.currency, asked_real = excluded.asked_real
"""
)


def known(turn: Turn) -> bool:
    """Whether it is known, by now. False: there is no call to ask with; the turn's rest says how long.

    An account in which e-commerce cannot be activated shows no amounts: that is said by the refusal of what follows.
    One that does not answer the question is taken to show the shop's. Raises Interrupted when Brevo cannot be asked.
    """
    machine = turn.deps.clock.machine()
    with autocommitted(turn.deps.engine) as connection:
        held = connection.execute(_KNOWN, {"shop_id": turn.shop.id}).first()
    if held is not None and machine < held.asked_real + _HELD_FOR:
        return True
    if not turn.calls(BUCKET, 1, lane="watch"):
        return held is not None
    turn.use(BUCKET)
    told: list[str] = []
    try:
        commerce.active(turn, lambda: told.append(turn.account.display_currency()))
    except ActionNeeded as error:
        if error.status != 403:
            raise Interrupted(error) from error
        return True
    except ProviderError as error:
        if held is None and not isinstance(error, Refused):
            raise Interrupted(error, only_here=True) from error
        log.warning("account_currency_not_told", shop_id=turn.shop.id, error=type(error).__name__)
        if held is not None:
            return True
    # An account that shows none takes the shop's.
    shown = told[0] if told and told[0] else turn.shop.currency
    given = {"shop_id": turn.shop.id, "currency": shown, "machine": machine}
    with autocommitted(turn.deps.engine) as connection:
        connection.execute(_KEEP, given)
    return True
