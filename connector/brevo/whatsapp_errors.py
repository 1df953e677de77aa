"""What Meta's errors of WhatsApp messages mean for writing to the number again.

Brevo passes them on in ``reason``; its own documentation lists none. The codes are Meta's (Cloud API, error codes),
as providers of WhatsApp describe them: help.hello-charles.com 304905, niswey.com error-codes-meta, kwiqreply.io (2026).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum


class Meaning(Enum):
    """What follows for the number."""

    WAIT = "wait"
    """They get enough marketing by now, from whomever: none for REST, and nobody is to blame."""
    LEFT = "left"
    """They want no marketing of this shop any more."""
    UNREACHABLE = "unreachable"
    """The number has no WhatsApp, or none that takes messages of businesses."""
    NOTHING = "nothing"
    """Something is wrong with the message or the account, not with the number."""


REST = timedelta(hours=24)
"""How long marketing to a number waits that has got enough."""

MEANINGS: Mapping[str, Meaning] = {
    # Limit of marketing templates for one person; trying at once makes it worse.
    "131049": Meaning.WAIT,
    # The person is in an experiment of Meta's and gets no marketing templates.
    "130472": Meaning.WAIT,
    # Too many messages to this very number in a short time.
    "131056": Meaning.WAIT,
    # "Stop promotions", in WhatsApp itself.
    "131050": Meaning.LEFT,
    # Not deliverable: no account, old terms, old version, or blocked by them.
    "131026": Meaning.UNREACHABLE,
    # More than a day since the last answer.
    "131047": Meaning.NOTHING,
    # The account sends too much that is blocked or reported.
    "131048": Meaning.NOTHING,
    # The template: parameters that do not fit, not there, paused, switched off.
    "132000": Meaning.NOTHING,
    "132001": Meaning.NOTHING,
    "132015": Meaning.NOTHING,
    "132016": Meaning.NOTHING,
}
_CODE = re.compile(r"\b13\d{4}\b")
# Without a code, in words.
_UNREACHABLE = re.compile(r"no whatsapp account|not (?:a |on |registered on )?(?:valid )?whatsapp", re.IGNORECASE)


def meaning(reason: str | None) -> Meaning:
    """What this ``reason`` of an ``error`` of WhatsApp's means.

    >>> meaning("(#131049) healthy ecosystem"), meaning("The number has no WhatsApp account"), meaning(None)
    (<Meaning.WAIT: 'wait'>, <Meaning.UNREACHABLE: 'unreachable'>, <Meaning.NOTHING: 'nothing'>)
    """
    for code in _CODE.findall(reason or ""):
        if code in MEANINGS:
            return MEANINGS[code]
    return Meaning.UNREACHABLE if _UNREACHABLE.search(reason or "") else Meaning.NOTHING
