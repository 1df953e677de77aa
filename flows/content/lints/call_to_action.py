"""A message leads somewhere: a button or a link of its own, beside the one to unsubscribe and the shop's name above."""

from __future__ import annotations

from collections.abc import Iterator

from flows.content.lints.lint import WRITTEN_HERE, Finding, MessageLint, Subject


def look(subject: Subject) -> Iterator[Finding]:
    if subject.source.channel == "email":
        leads, cure = any(target.inside for target in subject.page.targets), "give it a button"
    else:
        leads, cure = bool(subject.addresses), "say where to go"
    if not leads:
        yield Finding("no_links", f"The message leads nowhere: {cure}.", subject.source.name, blocking=False)


CALL_TO_ACTION = MessageLint("call_to_action", __doc__, look, WRITTEN_HERE - {"push"})
