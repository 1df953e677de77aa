"""A message that shows an offer of the shop's settings has something to say where there is none."""

from __future__ import annotations

from collections.abc import Iterator

from flows.content.lints.lint import Finding, MessageLint, Subject
from flows.content.problems import ContentProblem


def look(subject: Subject) -> Iterator[Finding]:
    context = subject.context
    if "offers" not in subject.liquid:
        return
    try:
        subject.fill({**context, "shop": {**(context.get("shop") or {}), "offers": {}}})
    except ContentProblem as problem:
        sentence = f"Without an offer in the shop's settings this cannot be sent: {problem.sentence}"
        yield Finding("no_variant_without_offer", sentence, problem.where)


WITHOUT_OFFER = MessageLint("without_offer", __doc__, look, blocks=True)
