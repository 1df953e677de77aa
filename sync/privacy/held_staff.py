"""What is held of the merchant's own people."""

from __future__ import annotations

from connector.models.invitation import staff_invitations
from connector.models.staff import audit_log, staff, staff_recovery_codes, staff_sessions, staff_shops
from connector.models.survey import checklist_ticks
from sync.privacy.held import Held, Keep

HELD = (
    Held(
        checklist_ticks,
        "what staff have ticked off",
        Keep("people of the merchant, not customers"),
        {},
        "shop_id item ticked_by ticked_at",
    ),
    Held(
        audit_log,
        "what staff did",
        Keep("numbers, words of ours and digests only; it may not be rewritten"),
        {},
        "shop_id id at actor act object_kind object_id detail",
    ),
    Held(
        staff,
        "who works with this installation",
        Keep("people of the merchant, not customers"),
        {},
        "id email role password_hash every_shop created_at second_factor second_factor_next second_factor_step",
    ),
    Held(staff_shops, "who may see which shop", Keep("people of the merchant, not customers"), {}, "shop_id staff_id"),
    Held(
        staff_sessions,
        "who is signed in",
        Keep("people of the merchant, not customers"),
        {},
        "digest staff_id began_real ends_real proven_real",
    ),
    Held(
        staff_recovery_codes,
        "how staff sign in without their telephone",
        Keep("people of the merchant, not customers"),
        {},
        "staff_id digest",
    ),
    Held(
        staff_invitations,
        "who is asked to join the staff",
        Keep("people of the merchant, not customers"),
        {},
        "digest email staff_id role every_shop shop_ids invited_by made_real ends_real",
    ),
)
