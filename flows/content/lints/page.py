"""A finished email as a mailbox reads it: its pictures, and what can be tapped and how large that is.

Sizes are read from the styles in the elements, because mail programs know no other that can be relied on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_BLOCKS = frozenset({"p", "li", "td", "div", "h1", "h2", "h3", "blockquote", "body", "table"})
_LENGTH = re.compile(r"(-?[0-9.]+)(px|%)?\Z")
CARD = "card"
"""The class of what stands between the head and the foot of the layout."""


@dataclass(slots=True)
class Target:
    """A link. ``height``: of what can be tapped, in px. ``alone``: its paragraph has no other words. ``inside``: it
    stands in the message, not in the head or the foot around it."""

    address: str
    height: float
    inside: bool
    text: str = ""
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Picture:
    address: str
    alt: str


@dataclass(frozen=True, slots=True)
class Page:
    targets: tuple[Target, ...]
    pictures: tuple[Picture, ...]


def read(html: str) -> Page:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.settle()
    return Page(tuple(reader.targets), tuple(reader.pictures))


@dataclass(slots=True)
class _Element:
    tag: str
    line: float
    font: float
    inside: bool
    text: list[str] = field(default_factory=list)
    links: list[Target] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.targets: list[Target] = []
        self.pictures: list[Picture] = []
        self._open: list[_Element] = [_Element("", 20.0, 16.0, False)]
        self._link: Target | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        style = _style(given.get("style", ""))
        around = self._open[-1]
        font = _length(style.get("font-size", ""), around.font) or around.font
        line = _line(style.get("line-height", ""), font, around)
        inside = around.inside or CARD in given.get("class", "").split()
        if tag == "img":
            # A height of "auto" is the picture's own: about as high as it is wide.
            sizes = (given.get("height"), style.get("height"), given.get("width"), style.get("max-width"))
            height = next((size for one in sizes if (size := _length(one or "", 0))), 0.0)
            self.pictures.append(Picture(given.get("src", ""), given.get("alt", "").strip()))
            if self._link is not None:
                self._link.height = max(self._link.height, height)
                # A picture is no part of a sentence.
                self._link.text += " "
        if tag == "a" and given.get("href"):
            padding = _padding(style) if style.get("display", "") in ("block", "inline-block") else 0.0
            self._link = Target(given["href"], line + padding, inside)
            self.targets.append(self._link)
            self._block().links.append(self._link)
        if tag not in _VOID:
            self._open.append(_Element(tag, line, font, inside))

    def handle_endtag(self, tag: str) -> None:
        if tag not in {one.tag for one in self._open[1:]}:
            return
        while len(self._open) > 1:
            closed = self._open.pop()
            _settle(closed)
            if closed.tag == "a":
                self._link = None
            if closed.tag == tag:
                break

    def handle_data(self, data: str) -> None:
        if self._open[-1].tag in ("style", "title", "script"):
            return
        if self._link is not None:
            self._link.text += data
        else:
            self._block().text.append(data)

    def settle(self) -> None:
        """What was never closed ends with the page."""
        for element in self._open:
            _settle(element)

    def _block(self) -> _Element:
        return next((one for one in reversed(self._open) if one.tag in _BLOCKS), self._open[0])


def _settle(element: _Element) -> None:
    words = "".join(element.text).strip(" \t\n\u200c\u00a0")
    for link in element.links:
        link.alone = not words


def _style(text: str) -> dict[str, str]:
    pairs = (part.partition(":") for part in text.split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs if value}


def _length(text: str, whole: float) -> float | None:
    found = _LENGTH.match(text.strip())
    if found is None:
        return None
    return float(found[1]) / 100 * whole if found[2] == "%" else float(found[1])


def _line(text: str, font: float, around: _Element) -> float:
    found = _LENGTH.match(text)
    if found is None:
        # Inherited, and never less than what the letters need.
        return max(around.line, font * 1.2)
    number = float(found[1])
    return number if found[2] == "px" else number * font / (100 if found[2] == "%" else 1)


def _padding(style: dict[str, str]) -> float:
    parts = [_length(part, 0) or 0.0 for part in style.get("padding", "").split()]
    above, below = _above_and_below(parts)
    above = _length(style.get("padding-top", ""), 0) or above
    below = _length(style.get("padding-bottom", ""), 0) or below
    return above + below


def _above_and_below(parts: list[float]) -> tuple[float, float]:
    match parts:
        case []:
            return 0.0, 0.0
        case [both] | [both, _]:
            return both, both
        case [above, _, below, *_]:
            return above, below
    raise AssertionError("a list has no other shape")
