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
    READ_ONLY: "Sees the pages of the shop, with names, addresses and telephone numbers masked; not the audit log, dry"
    " runs, API keys, staff and the account at Brevo. Changes nothing.",
    SUPPORT: "The same, also the audit log and dry runs. Does tasks, syncs again, replays deliveries, stops marketing"
    " to somebody, takes people out of flows, and reveals an address, which is noted.",
    EDITOR: "The same without masks, changes flows, mapping and most settings, decides who is whom, and arms the past.",
    OWNER: "Everything, also staff, keys, webhooks, consent, who is told of customers, and the account at Brevo.",
}

STAFF = "staff"
"""Of the actor of somebody who has an account of their own: ``staff:NUMBER``."""

NOBODY = "nobody"
"""Instead of a role: without signing in."""

ROUTES: Mapping[str, str] = {
    "admin.static": NOBODY,
    "admin.sign_in": NOBODY,
    "admin.enter": NOBODY,
    "admin.sign_out": READ_ONLY,
    "admin.second_factor": NOBODY,
    "admin.prove": NOBODY,
    "admin.confirm": READ_ONLY,
    "admin.confirmed": READ_ONLY,
    "admin.account": READ_ONLY,
    "admin.begin_second_factor": READ_ONLY,
    "admin.finish_second_factor": READ_ONLY,
    "admin.renew_recovery_codes": READ_ONLY,
    "admin.drop_second_factor": READ_ONLY,
    "admin.reset_second_factor": OWNER,
    "admin.home": READ_ONLY,
    "admin.installation": OWNER,
    "admin.overview": READ_ONLY,
    "admin.onboarding": READ_ONLY,
    "admin.begin_starters": EDITOR,
    "admin.test_message": EDITOR,
    "admin.activate_starter": EDITOR,
    "admin.people": READ_ONLY,
    "admin.person": READ_ONLY,
    "admin.reveal": SUPPORT,
    "admin.merge": EDITOR,
    "admin.keep_apart": EDITOR,
    "admin.person_timeline": READ_ONLY,
    "admin.person_orders": READ_ONLY,
    "admin.person_flows": READ_ONLY,
    "admin.person_flow": READ_ONLY,
    "admin.suppress_person": SUPPORT,
    "admin.lift_suppression": EDITOR,
    "admin.export_person": OWNER,
    "admin.person_export": OWNER,
    "admin.download_export": OWNER,
    "admin.erase_person": OWNER,
    "admin.messages": READ_ONLY,
    "admin.message": READ_ONLY,
    "admin.message_content": READ_ONLY,
    "admin.flows": READ_ONLY,
    "admin.flow": READ_ONLY,
    "admin.flow_people": READ_ONLY,
    "admin.flow_recipients": READ_ONLY,
    "admin.flow_buyers": READ_ONLY,
    "admin.flow_message": READ_ONLY,
    "admin.flow_message_look": READ_ONLY,
    "admin.pause_flow": EDITOR,
    "admin.resume_flow": EDITOR,
    "admin.archive_flow": EDITOR,
    "admin.remove_from_flow": SUPPORT,
    "admin.reports": READ_ONLY,
    "admin.library": READ_ONLY,
    "admin.drafts": READ_ONLY,
    "admin.begin_draft": EDITOR,
    "admin.upload_draft": EDITOR,
    "admin.edit_flow": EDITOR,
    "admin.draft": READ_ONLY,
    "admin.save_draft": EDITOR,
    "admin.add_draft_file": EDITOR,
    "admin.remove_draft_file": EDITOR,
    "admin.drop_draft": EDITOR,
    "admin.download_draft": READ_ONLY,
    "admin.draft_message": READ_ONLY,
    "admin.draft_look": READ_ONLY,
    "admin.test_draft": EDITOR,
    "admin.dry_run": SUPPORT,
    "admin.try_draft": SUPPORT,
    "admin.dry_run_look": SUPPORT,
    "admin.publishing": READ_ONLY,
    "admin.publish_draft": EDITOR,
    "admin.versions": READ_ONLY,
    "admin.version": READ_ONLY,
    "admin.download_version": READ_ONLY,
    "admin.rolling_back": READ_ONLY,
    "admin.roll_back": EDITOR,
    "admin.alerts": READ_ONLY,
    "admin.see_alert": SUPPORT,
    "admin.syncs": READ_ONLY,
    "admin.preview_sync": SUPPORT,
    "admin.start_sync": SUPPORT,
    "admin.sync": READ_ONLY,
    "admin.sync_progress": READ_ONLY,
    "admin.stop_sync": SUPPORT,
    "admin.resume_sync": SUPPORT,
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
    "admin.backfill_failures": READ_ONLY,
    "admin.retry_backfill": SUPPORT,
    "admin.deliveries": READ_ONLY,
    "admin.delivery": READ_ONLY,
    "admin.replay_delivery": SUPPORT,
    "admin.replay_deliveries": EDITOR,
    "admin.webhooks": READ_ONLY,
    "admin.webhook": READ_ONLY,
    "admin.resend_webhook": SUPPORT,
    "admin.add_webhook": OWNER,
    "admin.name_webhook": OWNER,
    "admin.renew_webhook_secret": OWNER,
    "admin.test_webhook": OWNER,
    "admin.enable_webhook": OWNER,
    "admin.disable_webhook": OWNER,
    "admin.remove_webhook": OWNER,
    "admin.standing": READ_ONLY,
    "admin.retry_standing": SUPPORT,
    "admin.resume_channel": EDITOR,
    "admin.mapping": READ_ONLY,
    "admin.check_mapping": EDITOR,
    "admin.preview_mapping": EDITOR,
    "admin.set_mapping": EDITOR,
    "admin.change_attribute": EDITOR,
    "admin.audit": SUPPORT,
    "admin.audit_csv": SUPPORT,
    "admin.tasks": READ_ONLY,
    "admin.close_task": SUPPORT,
    "admin.reopen_task": SUPPORT,
    "admin.assign_task": SUPPORT,
    "admin.settings": READ_ONLY,
    "admin.setting": READ_ONLY,
    "admin.preview_setting": EDITOR,
    "admin.save_setting": EDITOR,
    "admin.save_owner_setting": OWNER,
    "admin.set_sender": OWNER,
    "admin.rates": READ_ONLY,
    "admin.set_rate": EDITOR,
    "admin.import_rates": EDITOR,
    "admin.remove_rate": EDITOR,
    "admin.coupon_pools": READ_ONLY,
    "admin.make_coupon_pool": EDITOR,
    "admin.resize_coupon_pool": EDITOR,
    "admin.import_loyalty": EDITOR,
    "admin.whatsapp_templates": READ_ONLY,
    "admin.read_whatsapp_templates": EDITOR,
    "admin.keys": OWNER,
    "admin.create_key": OWNER,
    "admin.revoke_key": OWNER,
    "admin.staff": OWNER,
    "admin.invite": OWNER,
    "admin.new_password": OWNER,
    "admin.change_staff": OWNER,
    "admin.remove_staff": OWNER,
    "admin.end_sessions": OWNER,
    "admin.invitation": NOBODY,
    "admin.accept_invitation": NOBODY,
    "admin.checklist": READ_ONLY,
    "admin.tick_checklist": EDITOR,
    "admin.brevo": OWNER,
    "admin.connect_brevo": OWNER,
    "admin.brevo_agreed": OWNER,
    "admin.finish_brevo": OWNER,
}
"""Endpoint -> the least role that may ask it."""


ONES_OWN = frozenset({
    "admin.sign_out", "admin.confirm", "admin.confirmed", "admin.account", "admin.begin_second_factor",
    "admin.finish_second_factor", "admin.renew_recovery_codes", "admin.drop_second_factor",
})  # fmt: skip
"""Endpoints about nothing but the one who asks: how they sign in, and out."""

FRESH = frozenset({
    # One line each, those of one page together.
    "admin.create_key",
    "admin.add_webhook", "admin.renew_webhook_secret",
    "admin.invite", "admin.new_password", "admin.change_staff", "admin.remove_staff",
    "admin.reset_second_factor",
    "admin.export_person", "admin.download_export", "admin.erase_person",
})  # fmt: skip
"""Endpoints that ask staff who signed in a while ago to prove once more who they are (``Visitor.fresh``)."""

IN_PERSON = frozenset({
    # One line each, those of one page together.
    "admin.create_key", "admin.revoke_key",
    "admin.invite", "admin.new_password", "admin.change_staff", "admin.remove_staff", "admin.end_sessions",
    "admin.reset_second_factor",
    # Who asked Brevo is the one who finishes it.
    "admin.finish_brevo",
})  # fmt: skip
"""Endpoints for people only: no key of the API may ask them, whatever its role. A key does not make keys."""


@dataclass(frozen=True)
class Visitor:
    """Who is asking. ``actor`` as the audit log has it; ``shop_ids``: the shops they see, None for all of them.

    ``embedded``: inside the Shopify admin, proven anew by each request. ``fresh``: they have proven who they are a
    short while ago; ``second_factor``: signing in takes more than a password. In its admin both are Shopify's business.
    """

    actor: str
    name: str
    role: str
    shop_ids: frozenset[int] | None
    embedded: bool = False
    fresh: bool = True
    second_factor: bool = True

    def may(self, least: str) -> bool:
        """Whether the role is enough."""
        return ROLES.index(self.role) >= ROLES.index(least)

    def may_ask(self, endpoint: str) -> bool:
        """Whether this visitor may ask this endpoint; one that is not declared nobody may ask."""
        least = ROUTES.get(endpoint)
        return least is not None and (least == NOBODY or self.may(least))

    @property
    def signs_in(self) -> bool:
        """Whether this is one of the staff with an account: no merchant inside the Shopify admin, and no key."""
        return self.actor.partition(":")[0] == STAFF

    def sees(self, shop_id: int) -> bool:
        return self.shop_ids is None or shop_id in self.shop_ids

    @property
    def sees_addresses(self) -> bool:
        """Whether addresses and telephone numbers are shown without being asked for one by one."""
        return self.may(EDITOR)
