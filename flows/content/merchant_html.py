"""The merchant's HTML: cleaned, given its look, and checked for what repeating it could break.

Liquid is taken out, the HTML goes through nh3, Liquid is put back. What comes out is whole whatever the
Liquid decides: every loop and choice begins and ends inside the same element, and nothing is nested deeply.
That is more than tidiness: the MJML compiler works by recursion, and a loop that only opens elements would
end the process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import nh3

from flows.content.filters import LINK_SCHEMES, optional_link
from flows.content.language import TAGS
from flows.content.problems import ContentProblem

MAX_DEPTH = 30
"""Elements inside elements. The compiler's stack takes ten times as many in the smallest threads."""

LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_TAG_NAME = re.compile(r"\{%-?\s*(\w*)")
_OUTPUT = re.compile(r"\{\{-?(?P<expression>.*?)-?\}\}", re.DOTALL)
_DELIMITER = re.compile(r"\{[{%]")
_BRANCHES = frozenset({"else", "elsif", "when"})
_PAIRED = TAGS - {"assign", "render"}

# Liquid travels through the cleaning as a number between two characters that nobody can type.
_OPEN, _CLOSE = "\ue000", "\ue001"
_TOKEN = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_PART = re.compile(rf'<(?P<close>/?)(?P<element>[a-z0-9]+)(?:\s+[a-z-]+="[^"]*")*\s*>|{_OPEN}(?P<number>\d+){_CLOSE}')

# Mail programs know no style sheets that can be relied on, so each element carries its own look.
_LOOKS = {
    "h1": "margin:0 0 16px;font-size:26px;line-height:34px;font-weight:700;",
    "h2": "margin:8px 0 12px;font-size:20px;line-height:28px;font-weight:700;",
    "p": "margin:0 0 14px;",
    "ul": "margin:0 0 14px;padding-left:22px;",
    "ol": "margin:0 0 14px;padding-left:22px;",
    "li": "margin:0 0 6px;",
    "blockquote": "margin:0 0 14px;padding-left:14px;border-left:3px solid #d0d0cc;",
    "a": "color:inherit;text-decoration:underline;font-weight:600;",
    "small": "font-size:13px;line-height:20px;",
}
ELEMENTS = frozenset(_LOOKS) | {"b", "br", "em", "i", "s", "strong", "u"}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Both are Liquid: ``html`` to stand inside an mj-text, ``text`` for the text alternative."""

    html: str
    text: str


def clean(html: str, where: str) -> Cleaned:
    """Raises ContentProblem (``not_allowed``, ``unsafe_link``, ``syntax``, ``too_large``) at ``where``."""
    cleaning = _Cleaning(where)
    cleaned = cleaning.cleaned(html)
    _check_nesting(cleaned, cleaning.liquid, where)
    text = _as_text(cleaned)
    for result in (cleaned, text):
        if _DELIMITER.search(result):
            raise ContentProblem("syntax", "A {{ or {% is not closed, or HTML stands inside it.", where)
    return Cleaned(cleaning.restored(cleaned).replace("<br>", "<br />"), cleaning.restored(text))


def tag_of(liquid: str) -> str:
    """``if`` for ``{% if ... %}``, nothing for an output."""
    found = _TAG_NAME.match(liquid)
    return found[1] if found else ""


def refuse_unknown_tag(liquid: str, where: str) -> None:
    """Raises ContentProblem ``not_allowed`` for tags that messages do not have."""
    tag = tag_of(liquid)
    if liquid.startswith("{{") or tag in TAGS or tag in _BRANCHES:
        return
    if tag.startswith("end") and tag.removeprefix("end") in _PAIRED:
        return
    known = ", ".join(sorted(TAGS))
    raise ContentProblem("not_allowed", f"Messages have no tag {tag!r}. They have {known}.", where)


@dataclass
class _Cleaning:
    """One pass through nh3. Refusals are collected: an error raised inside its call would be lost."""

    where: str
    liquid: list[str] = field(default_factory=list)
    refused: list[ContentProblem] = field(default_factory=list)

    def cleaned(self, html: str) -> str:
        plain = html.replace(_OPEN, "").replace(_CLOSE, "")
        result = nh3.clean(
            LIQUID.sub(self._take_out, plain),
            tags=set(ELEMENTS),
            clean_content_tags={"script", "style"},
            attributes={"a": {"href"}},
            attribute_filter=self._attribute,
            url_schemes=set(LINK_SCHEMES),
            set_tag_attribute_values={element: {"style": look} for element, look in _LOOKS.items()},
            link_rel=None,
        )
        if self.refused:
            raise self.refused[0]
        if [int(number) for number in _TOKEN.findall(result)] != list(range(len(self.liquid))):
            sentence = "Liquid stands in text or is the whole address of a link; elsewhere it is lost."
            raise ContentProblem("not_allowed", sentence, self.where)
        return result

    def restored(self, text: str) -> str:
        return _TOKEN.sub(lambda found: self.liquid[int(found[1])], text)

    def _take_out(self, found: re.Match[str]) -> str:
        refuse_unknown_tag(found[0], self.where)
        if tag_of(found[0]) == "render":
            raise ContentProblem("not_allowed", "A block stands alone on its line.", self.where)
        self.liquid.append(found[0])
        return f"{_OPEN}{len(self.liquid) - 1}{_CLOSE}"

    def _attribute(self, element: str, attribute: str, value: str) -> str | None:
        if attribute != "href":
            # Only a link's address is let in; everything else here is a look of ours.
            return value
        if element != "a":
            return None
        value = value.strip()
        whole = _TOKEN.fullmatch(value)
        expression = _OUTPUT.fullmatch(self.liquid[int(whole[1])]) if whole else None
        if whole and expression:
            self.liquid[int(whole[1])] = f"{{{{ {expression['expression'].strip()} | link }}}}"
            return value
        if _OPEN in value:
            sentence = "A link is one address or one {{ value }}, not a mix."
            self.refused.append(ContentProblem("not_allowed", sentence, self.where))
            return None
        address = optional_link(value)
        if address is None:
            sentence = f"{value[:80]!r} is not a web address."
            self.refused.append(ContentProblem("unsafe_link", sentence, self.where))
        return address


def _check_nesting(cleaned: str, liquid: list[str], where: str) -> None:
    elements: list[int] = []
    begun: list[tuple[str, tuple[int, ...]]] = []
    for number, part in enumerate(_PART.finditer(cleaned)):
        if part["element"] == "br":
            continue
        if part["close"]:
            elements.pop()
        elif part["element"]:
            elements.append(number)
            if len(elements) > MAX_DEPTH:
                raise ContentProblem("too_large", f"HTML is nested at most {MAX_DEPTH} deep here.", where)
        else:
            _follow(liquid[int(part["number"])], tuple(elements), begun, where)
    if begun:
        raise _unbalanced(begun[-1][0], where)


def _follow(liquid: str, inside: tuple[int, ...], begun: list[tuple[str, tuple[int, ...]]], where: str) -> None:
    tag = tag_of(liquid)
    if tag in _PAIRED:
        begun.append((tag, inside))
    elif tag in _BRANCHES or tag.startswith("end"):
        if not begun or begun[-1][1] != inside or tag not in (*_BRANCHES, f"end{begun[-1][0]}"):
            raise _unbalanced(tag, where)
        if tag not in _BRANCHES:
            begun.pop()


def _unbalanced(tag: str, where: str) -> ContentProblem:
    sentence = f"What {{% {tag} %}} belongs to begins and ends in the same paragraph or element."
    return ContentProblem("syntax", sentence, where)


class _TextOf(HTMLParser):
    """Cleaned HTML as text: an empty line around blocks, a dash before list items, links with their address."""

    _BLOCKS = frozenset({"p", "h1", "h2", "ul", "ol", "blockquote"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.parts.append("\n")
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag in self._BLOCKS:
            self.parts.append("\n\n")
        elif tag == "a":
            self._addresses.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._BLOCKS:
            self.parts.append("\n\n")
        elif tag == "a" and self._addresses:
            address = self._addresses.pop()
            if address:
                self.parts.append(f" ({address})")

    def handle_data(self, data: str) -> None:
        self.parts.append(re.sub(r"[ \t\n]+", " ", data))


def _as_text(cleaned: str) -> str:
    reader = _TextOf()
    reader.feed(cleaned)
    reader.close()
    lines = (line.strip(" ") for line in "".join(reader.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"
