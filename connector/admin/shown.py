"""How values are shown: masked for whom may not see them whole, times and amounts in one form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from html import escape, unescape
from typing import Any

from flows.core.calendar import zone

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"'=]+@[^\s@<>()\[\],;:\"'=]+")
# Seven digits or more, as people write them. A number that is part of a word or an id (customer:17) is none.
_PHONE = re.compile(r"(?:\+|(?<![\w/.#:-]))\(?\d[\d\s().-]{5,18}\d(?![\w-])")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}")
# As sentences of ours write a moment.
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}) UTC")
_DOTS = "•••"
# What a message carries may be followed by nobody but the one whom it is for: a link of theirs opts them out.
_LINK = re.compile(r"\s(?:href|action|formaction|ping)\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+)", re.IGNORECASE)
# The same in a text without marks: whose it is stands behind the host.
_ADDRESS = re.compile(r"(https?://[^\s/?#<>\"]+)[/?#][^\s<>\"]*", re.IGNORECASE)
# What a tag says in words.
_WORDS = re.compile(r"\s(?:alt|title|aria-label)\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+)", re.IGNORECASE)
_TAG = re.compile(r"(<style\b.*?</style\s*>|<!--.*?-->|<[^>]*>)", re.IGNORECASE | re.DOTALL)


def masked_email(address: str) -> str:
    """``ann.bell@example.com`` -> ``a•••@e•••.com``: enough to tell two apart, too little to write to."""
    local, _, domain = address.rpartition("@")
    name, dot, ending = domain.rpartition(".")
    return f"{local[:1]}{_DOTS}@{name[:1]}{_DOTS}{dot}{ending}"


def masked_phone(number: str) -> str:
    """``+49 151 23456789`` -> ``+49•••89``."""
    digits = re.sub(r"[^\d+]", "", number)
    return f"{digits[:3]}{_DOTS}{digits[-2:]}"


def masked_name(name: str) -> str:
    """``Ann Bell`` -> ``A••• B•••``: enough to tell two apart, too little to know who it is."""
    return " ".join(f"{word[:1]}{_DOTS}" for word in name.split())


def masked_text(text: str, names: Iterable[str | None] = ()) -> str:
    """A sentence with the addresses and telephone numbers in it masked, its links cut off behind the host, and these
    names masked wherever they are words."""
    words = sorted({word for name in names if name for word in name.split()}, key=len, reverse=True)
    masked = _EMAIL.sub(lambda found: masked_email(found.group()), unlinked(text))
    masked = _PHONE.sub(_phone_in_text, masked)
    if not words:
        return masked
    whole = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
    return whole.sub(lambda found: masked_name(found.group()), masked)


def unlinked(text: str) -> str:
    """The same text without what its links lead to.

    >>> unlinked("Stop: https://shop.example/u/7?again=1")
    'Stop: https://shop.example/…'
    """
    return _ADDRESS.sub(r"\1/…", text)


def _phone_in_text(found: re.Match[str]) -> str:
    return found.group() if _TIME.match(found.group()) else masked_phone(found.group())


class Eyes:
    """What one visitor sees of people. ``whole``: nothing is masked."""

    def __init__(self, whole: bool) -> None:
        self.whole = whole

    def email(self, address: str | None) -> str:
        return "" if not address else address if self.whole else masked_email(address)

    def phone(self, number: str | None) -> str:
        return "" if not number else number if self.whole else masked_phone(number)

    def name(self, *names: str | None) -> str:
        """What somebody is called, in one or several parts; "" for nobody's name."""
        said = " ".join(name for name in names if name)
        return said if self.whole else masked_name(said)

    def called(self, number: int, *names: str | None, email: str | None = None, phone: str | None = None) -> str:
        """What somebody is called on a page: by name, else by address, else by our ``number`` of them."""
        return self.name(*names) or self.email(email) or self.phone(phone) or f"Person {number}"

    def text(self, value: object, *names: str | None) -> str:
        """Anything that may quote an address. ``names``: what the person is called whom it is about."""
        text = "" if value is None else str(value)
        return text if self.whole else masked_text(text, names)

    def identity(self, kind: str, value: str) -> str:
        """What somebody is known by."""
        if kind == "email":
            return self.email(value)
        if kind == "name":
            return self.name(value)
        return self.phone(value) if kind == "phone" else self.text(value)


def harmless(html: str, eyes: Eyes, *names: str | None) -> str:
    """The same document without what its links lead to, and with its texts as these eyes see them.

    >>> harmless('<a href="https://shop.example/u/7">Ann, stop</a>', Eyes(False), "Ann")
    '<a>A•••, stop</a>'
    """
    said = str if eyes.whole else lambda part: escape(eyes.text(unescape(part), *names), quote=False)

    def tag(part: str) -> str:
        bare = _LINK.sub("", part)
        return bare if eyes.whole else _WORDS.sub("", bare)

    return "".join(tag(part) if n % 2 else said(part) for n, part in enumerate(_TAG.split(html)))


def harmless_text(text: str, eyes: Eyes, *names: str | None) -> str:
    """The same of a text: its links lead nowhere, for nobody."""
    return eyes.text(unlinked(text), *names)


def moment(at: datetime | None, timezone: str | None = None) -> str:
    """A moment on the clocks of ``timezone``, which the page names once; without one in UTC, which is said."""
    if at is None:
        return "–"
    here = f"{at.astimezone(zone(timezone)):%Y-%m-%d %H:%M}"
    return f"{here} UTC" if timezone is None else here


def told(sentence: object, say: Callable[[datetime], str]) -> str:
    """A sentence of ours with each moment in it, written in UTC, as ``say`` says it."""

    def said(found: re.Match[str]) -> str:
        return say(datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC))

    return _MOMENT.sub(said, "" if sentence is None else str(sentence))


def amount(value: Any, currency: str | None = None) -> str:
    return "–" if value is None else f"{value:,.2f} {currency or ''}".strip()


def ago(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def words(code: str | None) -> str:
    """A code of ours as words: ``not_subscribed`` -> "not subscribed"."""
    return (code or "").replace("_", " ")


def pairs(detail: Mapping[str, Any]) -> str:
    """A small record in one line."""
    return ", ".join(f"{words(name)} {plain(value)}" for name, value in detail.items())


def plain(value: Any) -> str:
    """A value of a record as words; "" for nothing."""
    if isinstance(value, Mapping):
        return pairs(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    return "" if value is None else str(value)
