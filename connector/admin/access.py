"""Who may do what: the four roles, and the least of them for every route. The one place where it is said.

A route that is not named here cannot be reached, and a test fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

READ_ONLY, SUPPORT, EDITOR, OWNER = "read-only", "support", "editor", "owner"
ROLES = (READ_ONLY, SUPPORT, EDITOR, OWNER)
"""From the least to the most: each may do what those before it may."""

ABOUT: Mapping[str, str] = {
    READ_ONLY: "Sees everything, with addresses and telephone numbers masked. Changes nothing.",
    SUPPORT: "The same, and re-runs syncs, replays and resends deliveries and reveals an address, which is noted.",
    EDITOR: "The same without masks, decides who is whom, arms the past, and starts paused channels again.",
    OWNER: "Everything.",
}

NOBODY = "nobody"
"""Instead of a role: without signing in."""

ROUTES: Mapping[str, str] = {
    "admin.static": NOBODY,
    "admin.sign_in": NOBODY,
    "admin.enter": NOBODY,
    "admin.sign_out": READ_ONLY,
    "admin.home": READ_ONLY,
    "admin.installation": OWNER,
    "admin.overview": READ_ONLY,
    "admin.people": READ_ONLY,
    "admin.person": READ_ONLY,
    "admin.reveal": SUPPORT,
    "admin.merge": EDITOR,
    "admin.keep_apart": EDITOR,
    "admin.syncs": READ_ONLY,
    "admin.preview_sync": SUPPORT,
    "admin.start_sync": SUPPORT,
    "admin.sync": READ_ONLY,
    "admin.sync_progress": READ_ONLY,
    "admin.stop_sync": SUPPORT,
    "admin.retry_sync": SUPPORT,
    "admin.gaps": READ_ONLY,
    "admin.find_gaps": SUPPORT,
    "admin.armings": READ_ONLY,
    "admin.preview_arming": EDITOR,
    "admin.start_arming": EDITOR,
    "admin.stop_arming": EDITOR,
    "admin.backfill_progress": READ_ONLY,
    "admin.start_backfill": EDITOR,
    "admin.stop_backfill": EDITOR,
    "admin.resume_backfill": EDITOR,
    "admin.deliveries": READ_ONLY,
    "admin.delivery": READ_ONLY,
    "admin.replay_delivery": SUPPORT,
    "admin.replay_deliveries": EDITOR,
    "admin.webhooks": READ_ONLY,
    "admin.webhook": READ_ONLY,
    "admin.resend_webhook": SUPPORT,
    "admin.standing": READ_ONLY,
    "admin.resume_channel": EDITOR,
    "admin.mapping": READ_ONLY,
    "admin.check_mapping": EDITOR,
    "admin.preview_mapping": EDITOR,
    "admin.set_mapping": EDITOR,
    "admin.audit": SUPPORT,
    "admin.checklist": READ_ONLY,
    "admin.tick_checklist": EDITOR,
    "admin.brevo": OWNER,
    "admin.connect_brevo": OWNER,
    "admin.brevo_agreed": OWNER,
    "admin.finish_brevo": OWNER,
}
"""Endpoint -> the least role that may ask it."""


@dataclass(frozen=True)
class Visitor:
    """Who is asking. ``actor`` as the audit log has it; ``shop_ids``: the shops they see, None for all of them.

    ``embedded``: inside the Shopify admin, proven anew by each request.
    """

    actor: str
    name: str
    role: str
    shop_ids: frozenset[int] | None
    embedded: bool = False

    def may(self, least: str) -> bool:
        """Whether the role is enough."""
        return ROLES.index(self.role) >= ROLES.index(least)

    def may_ask(self, endpoint: str) -> bool:
        """Whether this visitor may ask this endpoint; one that is not declared nobody may ask."""
        least = ROUTES.get(endpoint)
        return least is not None and (least == NOBODY or self.may(least))

    def sees(self, shop_id: int) -> bool:
        return self.shop_ids is None or shop_id in self.shop_ids

    @property
    def sees_addresses(self) -> bool:
        """Whether addresses and telephone numbers are shown without being asked for one by one."""
        return self.may(EDITOR)
