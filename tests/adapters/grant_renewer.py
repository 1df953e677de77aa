"""A worker that does nothing but renew one shop's access to Brevo, and a careless kind of it."""

from __future__ import annotations

from typing import Any

from connector.brevo_tokens import BrevoTokens
from connector.chains import Parts
from connector.clock import pause
from connector.db.session import transaction
from connector.errors import ActionNeeded, Retry
from connector.settings import Settings
from connector.shops import load
from tests.install.merchant import built
from tests.install.renewer import LOCKED_OUT, Unclaimed


class UnclaimedGrant(Unclaimed, BrevoTokens):
    """Without the lease: whoever finds the token old renews it, and whatever comes is stored."""


KINDS: dict[str, type[BrevoTokens]] = {"ours": BrevoTokens, "unclaimed": UnclaimedGrant}


def run(settings: dict[str, Any], shop_id: int, kind: str) -> None:
    """Use the token and renew it, for ever."""
    deps = built(Settings(**settings))
    parts = Parts(deps.settings, deps.engine, deps.secrets, deps.http, deps.clock)
    while True:
        with transaction(deps.engine) as connection:
            tokens = KINDS[kind](load(connection, shop_id), parts)
        try:
            tokens.renewed(tokens.headers())
        except Retry:
            pause(0.02)
        except ActionNeeded:
            raise SystemExit(LOCKED_OUT) from None
