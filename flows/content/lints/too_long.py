"""Messages are short: a subject that a phone shows whole, a preview of one line, few enough words to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flows.content.lints.lint import Finding, MessageLint, Subject

SUBJECT, PREVIEW = 60, 90
"""Characters that mailboxes on phones show of them."""
WORDS = 220
"""Of the whole message with what is in the cart: about a minute."""
_FOOT = "\n--\n"
_ADDRESS = re.compile(r"https?://\S+")


def look(subject: Subject) -> Iterator[Finding]:
    email, name = subject.email, subject.source.name
    for part, text, most in (("subject", email.subject, SUBJECT), ("preview", email.preview, PREVIEW)):
        if len(text) > most:
            sentence = f"The {part} has {len(text)} characters, of which phones show about {most}: make it shorter."
            yield Finding("too_long", sentence, f"{name}, {part}", blocking=False)
    words = len(_ADDRESS.sub("", email.text.partition(_FOOT)[0]).split())
    if words > WORDS:
        sentence = f"The message has {words} words; few read more than {WORDS}: say one thing, and leave out the rest."
        yield Finding("too_long", sentence, name, blocking=False)


TOO_LONG = MessageLint("too_long", __doc__, look, frozenset({"email"}))
