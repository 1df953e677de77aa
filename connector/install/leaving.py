"""A shop has removed the app: our webhooks at its Brevo account go too, if the account still lets us in."""

from __future__ import annotations

from functools import partial

from sqlalchemy import select, update

from connector.backoff import in_turn
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ConfigurationError, ProviderError
from connector.install.holdings import HOOKS
from connector.logging import get
from connector.models.shop import shops as shops_table
from connector.shops import Shop
from webhooks import addresses

log = get(__name__)

# Machine seconds for which a limit is waited for.
_PATIENCE = 5.0


def leave_brevo(deps: Deps, shop: Shop) -> bool:
    """Take away what Brevo reports to this shop; whether there was anything to do.

    Tried once: what Brevo sends to a shop that is gone is turned away, so a webhook that stays does no harm.
    """
    ours = shops_table.c.id == shop.id
    with transaction(deps.engine) as connection:
        query = select(shops_table.c.brevo_webhook_digest).where(ours, shops_table.c.state == "uninstalled")
        if not connection.scalar(query):
            return False
        nobody = {"brevo_webhook_digest": "", "brevo_webhook_digest_before": ""}
        connection.execute(update(shops_table).where(ours).values(nobody))
    url, removed = addresses.of_brevo(deps.settings.public_url, shop.id), 0
    try:
        account = deps.brevo(shop)
        for kind in HOOKS:
            account.await_turn("other", _PATIENCE)
            for hook in account.webhooks(kind):
                if hook.get("url") == url:
                    account.await_turn("other", _PATIENCE)
                    in_turn(partial(account.delete_webhook, int(hook["id"])), _PATIENCE)
                    removed += 1
    except (ProviderError, ConfigurationError) as error:
        log.info("webhooks_left_at_brevo", shop_id=shop.id, error=type(error).__name__)
    else:
        log.info("webhooks_removed_at_brevo", shop_id=shop.id, webhooks=removed)
    return True
