"""An email is short enough to be shown as a whole: Gmail hides what comes after 102 KB of HTML."""

from __future__ import annotations

from collections.abc import Iterator

from flows.content.lints.lint import Finding, MessageLint, Subject

CLIPPED_AT = 102_000
"""Bytes of HTML after which Gmail hides the rest, and with it the unsubscribe link."""


def look(subject: Subject) -> Iterator[Finding]:
    if len(subject.email.html.encode()) > CLIPPED_AT:
        sentence = "The message is so long that Gmail cuts it off before the link to unsubscribe."
        yield Finding("clipped", sentence, subject.source.name)


CLIPPED = MessageLint("clipped", __doc__, look, frozenset({"email"}), blocks=True)
