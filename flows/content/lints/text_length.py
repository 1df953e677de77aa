"""A text message costs what one does: at most 160 characters of the GSM alphabet, with its link and its stop word."""

from __future__ import annotations

from collections.abc import Iterator

from flows.content import text_message
from flows.content.lints.lint import Finding, MessageLint, Subject
from flows.content.segments import foreign


def look(subject: Subject) -> Iterator[Finding]:
    length, name = text_message.as_billed(subject.text), subject.source.name
    if length.segments > 1:
        sentence = (
            f"The text has {length.places} characters with its link and its stop word, which is billed as"
            f" {length.segments} messages: keep it under {70 if length.unicode else 160}."
        )
        yield Finding("several_segments", sentence, name, blocking=False)
    if length.unicode:
        named = ", ".join(f"{sign} (U+{ord(sign):04X})" for sign in foreign(text_message.arriving(subject.text))[:10])
        sentence = f"These characters make each message end after 70 characters instead of 160: {named}."
        yield Finding("unicode", sentence, name, blocking=False)


TEXT_LENGTH = MessageLint("text_length", __doc__, look, frozenset({"sms"}))
