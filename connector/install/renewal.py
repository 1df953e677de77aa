"""Tokens are renewed also for a shop from which nobody wants anything: it would lose them for good."""

from __future__ import annotations

from connector import pauses
from connector.brevo.verdicts import PROVIDER as BREVO
from connector.deps import Deps
from connector.errors import ActionNeeded, ProviderError
from connector.logging import get
from connector.queue.batch import Batch
from connector.shops import Shop

log = get(__name__)


def renew_idle(deps: Deps, shop: Shop) -> Batch:
    """Both platforms' tokens of this shop, as far as it is time. What was refused or not answered is logged, and tried
    again when the sweeper rings.
    """
    renewed = 0
    for tokens in (deps.tokens(shop), deps.brevo_tokens(shop)):
        try:
            renewed += tokens.refresh_idle()
        except ProviderError as error:
            log.warning("token_not_renewed", shop_id=shop.id, platform=error.provider, status=error.status)
            if isinstance(error, ActionNeeded) and tokens.provider == BREVO:
                with deps.open(shop) as scope:
                    pauses.start(scope, pauses.ACCOUNT, error)
    return Batch(renewed, False)
