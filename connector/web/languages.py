"""The languages of the pages that customers see: one file each in ``connector/web/languages/``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date

from connector import shipped_yaml

FALLBACK = "en"


@dataclass(frozen=True)
class Language:
    """``code``: ISO 639-1. ``name``: as its speakers call it. ``phrases``: by their path, e.g. ``choices.save``."""

    code: str
    name: str
    phrases: Mapping[str, str] = field(repr=False)

    def say(self, path: str, **values: str) -> str:
        """The phrase at this path with what it names filled in. Raises KeyError when there is none."""
        return self.phrases[path].format_map(values)

    def date(self, moment: datetime, timezone: str) -> str:
        """The day, in words, e.g. ``3 March 2026``."""
        return str(format_date(moment.astimezone(ZoneInfo(timezone)), "long", locale=self.code))


@cache
def shipped() -> Mapping[str, Language]:
    """All languages by code, in the order of their names."""
    read = [_read(one.name, one.read_text(encoding="utf-8")) for one in _folder() if one.name.endswith(".yaml")]
    return MappingProxyType({one.code: one for one in sorted(read, key=lambda one: one.name)})


def chosen(asked: str | None, locale: str | None, accepted: Sequence[str], of_shop: str) -> Language:
    """What the visitor asked for by a link; else the person's, their browser's or the shop's; else English.

    All are tags, e.g. ``de`` or ``pt-BR``; ``accepted``: the browser's, the dearest first.
    """
    known = shipped()
    for tag in (asked, locale, *accepted, of_shop):
        code = re.split(r"[-_]", tag)[0].lower() if tag else ""
        if code in known:
            return known[code]
    return known[FALLBACK]


def _folder() -> list[Any]:
    return list((files("connector.web") / "languages").iterdir())


def _read(file: str, text: str) -> Language:
    told = shipped_yaml.load(text)
    name = told.pop("name")
    return Language(file.removesuffix(".yaml"), name, MappingProxyType(dict(_flat(told))))


def _flat(told: Mapping[str, Any], path: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in told.items():
        found += _flat(value, f"{path}{key}.") if isinstance(value, dict) else [(f"{path}{key}", value)]
    return found
