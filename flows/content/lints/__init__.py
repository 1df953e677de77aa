"""What may be wrong with a message: one module and one line here each."""

from __future__ import annotations

from collections.abc import Mapping

from flows.content.lints.call_to_action import CALL_TO_ACTION
from flows.content.lints.clipped import CLIPPED
from flows.content.lints.dead_link import DEAD_LINK
from flows.content.lints.left_out import LEFT_OUT
from flows.content.lints.lint import Finding, MessageLint, Subject
from flows.content.lints.missing_alt import MISSING_ALT
from flows.content.lints.missing_fallback import MISSING_FALLBACK
from flows.content.lints.opt_out import OPT_OUT
from flows.content.lints.placeholder import PLACEHOLDER
from flows.content.lints.postal_address import POSTAL_ADDRESS
from flows.content.lints.preview_text import PREVIEW_TEXT
from flows.content.lints.promotion import PROMOTION
from flows.content.lints.same_for_everybody import SAME_FOR_EVERYBODY
from flows.content.lints.tap_target import TAP_TARGET
from flows.content.lints.text_length import TEXT_LENGTH
from flows.content.lints.too_long import TOO_LONG
from flows.content.lints.whatsapp_params import WHATSAPP_PARAMS
from flows.content.lints.without_offer import WITHOUT_OFFER

__all__ = ["LINTS", "Finding", "MessageLint", "Subject"]

LINTS: Mapping[str, MessageLint] = {
    lint.name: lint
    for lint in (
        WHATSAPP_PARAMS,
        OPT_OUT,
        POSTAL_ADDRESS,
        CALL_TO_ACTION,
        TEXT_LENGTH,
        TOO_LONG,
        MISSING_FALLBACK,
        WITHOUT_OFFER,
        PROMOTION,
        PREVIEW_TEXT,
        CLIPPED,
        PLACEHOLDER,
        DEAD_LINK,
        LEFT_OUT,
        MISSING_ALT,
        TAP_TARGET,
        SAME_FOR_EVERYBODY,
    )
}
