"""An email has a preview: without one, mailboxes show whatever the message begins with."""

from __future__ import annotations

from collections.abc import Iterator

from flows.content.lints.lint import Finding, MessageLint, Subject


def look(subject: Subject) -> Iterator[Finding]:
    if not subject.email.preview:
        sentence = "Without a preview, mailboxes show the first words of the message beside the subject."
        yield Finding("no_preview", sentence, subject.source.name, blocking=False)


PREVIEW_TEXT = MessageLint("preview_text", __doc__, look, frozenset({"email"}))
