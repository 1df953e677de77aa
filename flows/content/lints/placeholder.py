"""Nothing that was to be filled in is left: no [FirstName], no lorem ipsum, no TODO, no merge tag of another system."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flows.content.lints.lint import Finding, MessageLint, Subject
from flows.content.text_message import STOP_CODE

_WORDS = (
    r"(?:insert|add|your|the|customer|customer'?s|shop|store|first|last|full|company|brand|product|discount|coupon|promo"
    r"|order|offer|unsubscribe|name|firstname|lastname|fname|lname|fullname|code|link|url|date|city|email|address|price"
    r"|amount|percent|number|image|logo|title|text|here|tier|points|phone|month|day|year|button|headline|heading|copy|x+|%|of|and|#|\d+)"
)
_FILLED_IN: Mapping[str, re.Pattern[str]] = {
    # Not behind a word: there it names one entry of a list.
    "a name in brackets": re.compile(rf"(?<![\w\]])\[\s*{_WORDS}(?:[\s_./-]*{_WORDS})*\s*\]", re.IGNORECASE),
    "a name in single braces": re.compile(rf"(?<!\{{)\{{\s*{_WORDS}(?:[\s_.-]*{_WORDS})*\s*\}}(?!\}})", re.IGNORECASE),
    "a merge tag of another system": re.compile(
        r"\*\|[A-Z0-9_:]+\|\*|%[A-Z]{3,}(?:_[A-Z]+)*%|%%\w+%%|<<\s*\w[\w ]*>>|##\w+##|\$\{\w+\}"
    ),
    "filler text": re.compile(r"\blorem ipsum\b|\bdolor sit amet\b", re.IGNORECASE),
    "a note to the author": re.compile(r"\b(?:TODO|TBD|TBC|FIXME|XXX+)\b"),
    "a note to the writer": re.compile(
        r"\b(?:your|insert|add|place)\s+(?:\w+\s+){0,2}(?:text|copy|name|link|image|headline|code)\s+here\b",
        re.IGNORECASE,
    ),
}


def look(subject: Subject) -> Iterator[Finding]:
    source = subject.source
    parts = (
        ("subject", 0, source.subject),
        ("subject_fallback", 0, source.subject_fallback),
        ("preview", 0, source.preview),
        ("title", 0, source.title),
        ("url", 0, source.url),
        *((f"params.{name}", 0, text) for name, text in source.params),
        ("", source.body_line, source.body),
    )
    for part, first, text in parts:
        text = text.replace(STOP_CODE, " " * len(STOP_CODE))
        for what, pattern in _FILLED_IN.items():
            for found in pattern.finditer(text):
                line = first + text.count("\n", 0, found.start())
                where = f"{source.name}, {part}" if part else f"{source.name}, line {line}"
                said = " ".join(found[0].split())
                yield Finding("placeholder", f"“{said}” is {what} and was to be filled in.", where)


PLACEHOLDER = MessageLint("placeholder", __doc__, look, blocks=True)
