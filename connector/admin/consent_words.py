"""What is on record of somebody's consent, in the words of those who run a shop: for what, whether, and who says so."""

from __future__ import annotations

from collections.abc import Mapping

from connector.admin import flow_words

STATES: Mapping[str, tuple[str, str]] = {
    "subscribed": ("agreed", "good"),
    "pending": ("not confirmed yet", "warning"),
    "unsubscribed": ("opted out", "critical"),
    "not_subscribed": ("never agreed", ""),
    "undeliverable": ("cannot be reached", "critical"),
}
"""State -> (how it is said, tone of its badge)."""
LEVELS: Mapping[str, str] = {
    "confirmed_opt_in": "confirmed by a link in a mail",
    "single_opt_in": "by a form or a box that they ticked",
    "unknown": "it was not said how",
    "implied": "carried along by an order",
    "soft_opt_in": "as a customer, for goods like those that they bought",
}
SOURCES: Mapping[str, str] = {
    "shopify": "the store",
    "brevo": "Brevo",
    "checkout": "a checkout",
    "order": "an order",
    "api": "one of your other systems",
    "staff": "your staff",
    "double_opt_in": "the link of a confirmation mail",
    "unsubscribe_page": "the link in a message",
    "preference_page": "their preferences page",
}
VERDICTS: Mapping[str, str] = {
    "applied": "It counts.",
    "older": "Something newer counts.",
    "import": "Imported: it starts nothing.",
}
_PURPOSES: Mapping[str, str] = {
    "cart": "about carts that they left",
    "open_tracking": "recording what they open",
    "profiling": "using what they do to choose what they get",
}


def about(channel: str, purpose: str) -> str:
    """What was asked of them: "Email", "Email, about carts that they left"."""
    called = flow_words.CHANNELS.get(channel, flow_words.named(channel))
    if channel == "any":
        said = _PURPOSES.get(purpose, flow_words.named(purpose))
        return f"{said[:1].upper()}{said[1:]}"
    if purpose in ("newsletter", channel):
        return called
    return f"{called}, {_PURPOSES.get(purpose, flow_words.named(purpose))}"


def said(words: Mapping[str, str], code: str | None) -> str:
    """One of LEVELS, SOURCES or VERDICTS; what is none of them as it is called."""
    return words.get(code, flow_words.named(code)) if code else ""


def state(code: str) -> tuple[str, str]:
    return STATES.get(code, (flow_words.named(code), ""))
