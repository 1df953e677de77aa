"""Every picture says in words what it shows: many mailboxes load none, and some people see none."""

from __future__ import annotations

from collections.abc import Iterator

from flows.content.lints.lint import Finding, MessageLint, Subject


def look(subject: Subject) -> Iterator[Finding]:
    for picture in subject.page.pictures:
        if not picture.alt:
            sentence = f"The picture {picture.address[:80]} has no alt text: say in a few words what it shows."
            yield Finding("missing_alt", sentence, subject.source.name, blocking=False)


MISSING_ALT = MessageLint("missing_alt", __doc__, look, frozenset({"email"}))
