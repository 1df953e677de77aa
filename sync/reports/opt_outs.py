"""What a report means for whether somebody may be written to: pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# What carriers and regulators count as a way to say no (FCC 47 CFR 64.1200(a)(10), and French), as whole answers.
_STOP_WORDS = frozenset(
    {
        "stop", "stopall", "stop all", "quit", "end", "revoke", "opt out", "optout", "cancel", "unsubscribe", "arret",
        "desabo", "desinscription", "remove", "baja", "abmelden",
    }
)  # fmt: skip
# Meta's code for a person who does not want marketing any more.
_STOPPED_MARKETING = "131050"
# Why Brevo blocks a message, in its own words: "blocked : due to unsubscribed user", hardBounce, adminBlocked ...
_SAID_NO = re.compile(r"unsubscri|black-?list|block-?list", re.IGNORECASE)
_DEAD = re.compile(r"bounce|invalid", re.IGNORECASE)
_COMPLAINED = re.compile(r"spam|complain", re.IGNORECASE)
_BY_STAFF = re.compile(r"admin", re.IGNORECASE)


@dataclass(frozen=True)
class Consequence:
    """``state``: of the consent to the channel, None when it stays. ``suppression``: why the address is never to be
    written to again, None when it may be."""

    state: str | None = None
    suppression: str | None = None


NONE = Consequence()
BOUNCED = Consequence("undeliverable", "hard_bounce")
COMPLAINED = Consequence("unsubscribed", "complaint")
LEFT = Consequence("unsubscribed")


def consequence(event: str, *, reason: str | None = None, text: str | None = None) -> Consequence:
    """What follows from this event of ours. ``reason``: the provider's words, ``text``: what was replied."""
    if event == "message_bounced":
        return BOUNCED
    if event == "message_complained":
        return COMPLAINED
    if event == "message_unsubscribed":
        return LEFT
    if event == "message_blocked":
        return _blocked(reason or "")
    if event == "message_replied" and says_no(text):
        return LEFT
    if event == "message_error" and _STOPPED_MARKETING in (reason or ""):
        return LEFT
    return Consequence("subscribed") if event == "message_subscribed" else NONE


def _blocked(reason: str) -> Consequence:
    """Brevo does not send what it blocks. Why it does tells what we were not told when it happened."""
    for pattern, follows in ((_COMPLAINED, COMPLAINED), (_DEAD, BOUNCED), (_SAID_NO, LEFT)):
        if pattern.search(reason):
            return follows
    return Consequence(None, "blocked") if _BY_STAFF.search(reason) else NONE


def says_no(text: str | None) -> bool:
    """Whether an answer is one of the words that stop all messages: in any case, with accents, dots or emoji.

    >>> says_no("  Stop! "), says_no("ARRÊT"), says_no("please don't stop")
    (True, True, False)
    """
    plain = unicodedata.normalize("NFKD", (text or "")[:200]).encode("ascii", "ignore").decode().lower()
    return " ".join(re.sub(r"[^a-z ]", " ", plain).split()) in _STOP_WORDS
