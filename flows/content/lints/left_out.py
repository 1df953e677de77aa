"""What an author has written is what is sent: pictures, tables and styles in the text are taken out without a word."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

from flows.content.filters import optional_link
from flows.content.lints.lint import Finding, MessageLint, Subject
from flows.content.merchant_html import ELEMENTS, LIQUID


def look(subject: Subject) -> Iterator[Finding]:
    reader = _Reader()
    # Liquid may hold what looks like an element; its lines stay.
    reader.feed(LIQUID.sub(lambda found: "\n" * found[0].count("\n"), subject.source.body))
    reader.close()
    said: set[str] = set()
    for line, what, cure in reader.lost:
        if what in said:
            continue
        said.add(what)
        sentence = f"{what} is left out of the message. {cure}."
        yield Finding("left_out", sentence, f"{subject.source.name}, line {subject.source.body_line + line - 1}", False)


_PLAINLY = "Use plain text and blocks"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lost: list[tuple[int, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line, _ = self.getpos()
        if tag not in ELEMENTS:
            self.lost.append((line, f"<{tag}>", "Show it with a block" if tag == "img" else _PLAINLY))
            return
        for name, value in attrs:
            if (tag, name) != ("a", "href"):
                self.lost.append((line, f"“{name}” of <{tag}>", _PLAINLY))
            elif value and optional_link(value) is None:
                self.lost.append((line, f"The link “{value[:60]}”", "Write a whole address, beginning with https://"))


LEFT_OUT = MessageLint("left_out", __doc__, look, frozenset({"email"}))
