"""From a message body to the two templates that are filled for each person: MJML and plain text.

The merchant's HTML is cleaned here, before any value is in it, and once. Cleaning after the filling would
cost each message and would read the shopper's data as markup.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from flows.content.merchant_html import clean, refuse_unknown_tag
from flows.content.problems import ContentProblem
from flows.content.source import MessageSource

_LIQUID_LINE = re.compile(r"\s*(\{%-?\s*\w+(?:(?!%\}).)*%\})\s*")
_BODY_SLOT = "{{ content_for_layout }}"
_SECTION = """<mj-section css-class="card" padding="0 32px"><mj-column>
<mj-text css-class="ink">{}</mj-text>
</mj-column></mj-section>"""


@dataclass(frozen=True, slots=True)
class Templates:
    """Liquid sources: ``html`` prints MJML, ``text`` the text alternative."""

    html: str
    text: str


def compose(source: MessageSource) -> Templates:
    """The body, cut into sections and put into the layout.

    Raises ContentProblem (``not_allowed``, ``unsafe_link``, ``syntax``, ``too_large``).
    """
    html, text = [], []
    for section in _sections(source.body):
        where = f"{source.name}, line {source.body_line + section.line}"
        if section.is_liquid:
            refuse_unknown_tag(section.content, where)
            html.append(section.content)
            text.append(section.content)
        else:
            cleaned = clean(section.content, where)
            html.append(_SECTION.format(cleaned.html))
            text.append(cleaned.text + "\n")
    return Templates(
        html=_layout("shop.mjml.liquid").replace(_BODY_SLOT, "\n".join(html)),
        text=_layout("shop.txt.liquid").replace(_BODY_SLOT, "\n".join(text)),
    )


@cache
def blocks(kind: str) -> dict[str, str]:
    """The shipped blocks by name. ``kind``: "mjml" or "txt"."""
    ending = f".{kind}.liquid"
    folder = files("flows.content") / "blocks"
    return {
        entry.name.removesuffix(ending): entry.read_text("utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(ending)
    }


@cache
def _layout(name: str) -> str:
    text = (files("flows.content") / "layouts" / name).read_text("utf-8")
    if text.count(_BODY_SLOT) != 1:
        raise ContentProblem("layout", f"The layout {name} needs {_BODY_SLOT} once.")
    return text


@dataclass(frozen=True, slots=True)
class _Section:
    """Either one Liquid tag or a stretch of HTML; ``line`` is its first line in the body, from 0."""

    content: str
    is_liquid: bool
    line: int


def _sections(body: str) -> list[_Section]:
    found: list[_Section] = []
    waiting: list[str] = []

    def close(end: int) -> None:
        if "".join(waiting).strip():
            found.append(_Section("\n".join(waiting), False, end - len(waiting)))
        waiting.clear()

    lines = body.split("\n")
    for number, line in enumerate(lines):
        alone = _LIQUID_LINE.fullmatch(line)
        if alone:
            close(number)
            found.append(_Section(alone[1], True, number))
        else:
            waiting.append(line)
    close(len(lines))
    return found
