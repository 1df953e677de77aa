"""A marketing message has a way out: the link to unsubscribe in its HTML and its text, or the word that stops texts."""

from __future__ import annotations

from collections.abc import Iterator

from flows.content.lints.lint import Finding, MessageLint, Subject
from flows.content.text_message import STOP_CODE


def look(subject: Subject) -> Iterator[Finding]:
    source = subject.source
    if source.purpose != "marketing":
        return
    if source.channel == "sms":
        if STOP_CODE not in subject.text:
            yield Finding("no_unsubscribe", "A marketing text needs to say how to stop them.", source.name)
        return
    email, link = subject.email, (subject.context.get("links") or {}).get("unsubscribe")
    if not link or link not in email.links or link not in email.text:
        yield Finding("no_unsubscribe", "A marketing message needs the link to unsubscribe.", source.name)


OPT_OUT = MessageLint("opt_out", __doc__, look, frozenset({"email", "sms"}), blocks=True)
