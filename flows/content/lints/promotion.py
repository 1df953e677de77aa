"""What asks for no consent advertises nothing: an offer does not go into a transactional message."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flows.content.lints.lint import Finding, MessageLint, Subject

_OFFER = re.compile(r"\bshop\.offers\b|\bcoupon\.|\brender\s+['\"]offer['\"]")


def look(subject: Subject) -> Iterator[Finding]:
    if subject.source.purpose == "transactional" and _OFFER.search(subject.liquid):
        sentence = "An offer makes this advertising, which needs consent: take it out, or set purpose: marketing."
        yield Finding("promotion_in_transactional", sentence, subject.source.name)


PROMOTION = MessageLint("promotion", __doc__, look, blocks=True)
