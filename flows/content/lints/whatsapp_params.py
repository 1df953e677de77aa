"""What a WhatsApp template is filled with and what the message shows of it have the same names."""

from __future__ import annotations

from collections.abc import Iterator

from flows.content import whatsapp_message
from flows.content.lints.lint import Finding, MessageLint, Subject


def look(subject: Subject) -> Iterator[Finding]:
    for sentence in whatsapp_message.misnamed(subject.source):
        yield Finding("params", sentence, subject.source.name)


WHATSAPP_PARAMS = MessageLint("whatsapp_params", __doc__, look, frozenset({"whatsapp"}), blocks=True)
