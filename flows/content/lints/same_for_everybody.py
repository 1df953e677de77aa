"""A message of a flow is about somebody: it names the person, their cart, their order, a product, or their code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flows.content.lints.lint import Finding, MessageLint, Subject
from flows.content.merchant_html import LIQUID

_ABOUT = re.compile(
    r"\b(?:person|checkout|cart|order|event|tracking|product|products|loyalty|coupon|profile|params|reviews)\b"
    r"|['\"](?:cart_items|order_items|points)['\"]"
)


def look(subject: Subject) -> Iterator[Finding]:
    if not any(_ABOUT.search(piece) for piece in LIQUID.findall(subject.liquid)):
        sentence = "The message says the same to everybody. Name the person, or what they have looked at or bought."
        yield Finding("same_for_everybody", sentence, subject.source.name, blocking=False)


SAME_FOR_EVERYBODY = MessageLint("same_for_everybody", __doc__, look, frozenset({"email"}))
