"""How values are shown: masked for whom may not see them whole, times and amounts in one form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"'=]+@[^\s@<>()\[\],;:\"'=]+")
# Seven digits or more, as people write them. A number that is part of a word or an id (customer:17) is none.
_PHONE = re.compile(r"(?:\+|(?<![\w/.#:-]))\(?\d[\d\s().-]{5,18}\d(?![\w-])")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}")
_DOTS = "•••"
# What a message carries may be followed by nobody but the one whom it is for: a link of theirs opts them out.
_LINK = re.compile(r"\s(?:href|action|formaction|ping)\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+)", re.IGNORECASE)
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
    """A sentence with the addresses and telephone numbers in it masked, and these names wherever they are words."""
    words = sorted({word for name in names if name for word in name.split()}, key=len, reverse=True)
    masked = _PHONE.sub(_phone_in_text, _EMAIL.sub(lambda found: masked_email(found.group()), text))
    if not words:
        return masked
    whole = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
    return whole.sub(lambda found: masked_name(found.group()), masked)


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
    parts = _TAG.split(html)
    return "".join(_LINK.sub("", part) if n % 2 else eyes.text(part, *names) for n, part in enumerate(parts))


def moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "–"


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
