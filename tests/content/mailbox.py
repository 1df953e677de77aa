"""What happens to a message after it left us, told crudely: Brevo's template language, then a reader's eyes."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_PLACEHOLDER = re.compile(r"\{\{.*?(?:\}\}|$)|\{%.*?(?:%\}|$)|\{#.*?(?:#\}|$)", re.DOTALL)
EVALUATED = "EVALUATED-BY-BREVO"


def evaluate(template: str) -> str:
    """Brevo, stricter than it is: whatever opens one of its tags is taken for one, closed or not."""
    return _PLACEHOLDER.sub(EVALUATED, template)


class _Eyes(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._hidden += tag in ("style", "title", "script")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title", "script")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.seen.append(data)


def _read(html: str) -> _Eyes:
    eyes = _Eyes()
    eyes.feed(html)
    eyes.close()
    return eyes


def visible_text(html: str) -> str:
    """The words of a page, without the characters that have no width."""
    return without_gaps("".join(_read(html).seen))


def without_gaps(text: str) -> str:
    return text.replace("\u200c", "")


def elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """Every element of a page with its attributes, as a browser would read them."""
    return _read(html).elements
