"""What is tapped is large enough for a thumb: each place that a message leads to has something 44 px high to tap.

Links inside a sentence are left alone: there the words around them are what counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from flows.content.lints.lint import Finding, MessageLint, Subject

LEAST = 44
"""px, as Apple and the WCAG (2.5.5) ask."""


def look(subject: Subject) -> Iterator[Finding]:
    tallest: dict[str, float] = {}
    words: dict[str, str] = {}
    for target in subject.page.targets:
        if target.alone:
            tallest[target.address] = max(target.height, tallest.get(target.address, 0.0))
            words.setdefault(target.address, " ".join(target.text.split()) or target.address[:60])
    for address, height in tallest.items():
        if height < LEAST:
            sentence = f"“{words[address]}” is {height:g} px high, too small for a thumb: make it a button."
            yield Finding("small_target", sentence, subject.source.name, blocking=False)


TAP_TARGET = MessageLint("tap_target", __doc__, look, frozenset({"email"}))
