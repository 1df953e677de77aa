"""The words that blocks and layouts bring themselves, by language: one file each in ``flows/content/phrases/``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from babel import Locale

from connector import shipped_yaml

FALLBACK = "en"
Phrase = str | Mapping[str, str]
"""A text with ``{}`` for each value, or one for each plural form of its first value (CLDR: one, few, many, other)."""


@cache
def languages() -> Mapping[str, Mapping[str, Phrase]]:
    """{language (ISO 639-1): {name: phrase}}."""
    folder = files("flows.content") / "phrases"
    return MappingProxyType(
        {
            entry.name.removesuffix(".yaml"): shipped_yaml.load(entry.read_text("utf-8"))
            for entry in sorted(folder.iterdir(), key=lambda one: one.name)
            if entry.name.endswith(".yaml")
        }
    )


def language_of(locale: str) -> str:
    """The language of a tag such as ``de-AT``, or FALLBACK when nobody has written its phrases."""
    language = re.split(r"[-_]", locale)[0].lower()
    return language if language in languages() else FALLBACK


def say(name: str, locale: str, values: Sequence[str], count: object = None) -> str:
    """The phrase with its values, in this language. ``count``: what its plural goes by. Raises KeyError for
    a phrase that there is not, ValueError for too few or too many values."""
    language = language_of(locale)
    phrase = languages()[language][name]
    if not isinstance(phrase, str):
        form = Locale(language).plural_form(count) if isinstance(count, int) else "other"
        phrase = phrase.get(form, phrase["other"])
    first, *others = phrase.split("{}")
    # What a value has of braces stays its own.
    return first + "".join(value + part for value, part in zip(values, others, strict=True))
