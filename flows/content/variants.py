"""Variants of a message: the same message in another language, or for a segment.

Beside ``NAME.liquid`` may stand ``NAME.de.liquid`` (a language, ``de`` or ``de-at``), ``NAME.vip.liquid`` (a segment
of the shop) and ``NAME.vip.de.liquid`` (both). What two letters say is a language, so no segment with a variant has a
name of two. The language goes before the segment: a text that somebody does not understand is of no use to them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass

from flows.content.problems import ContentProblem
from flows.content.source import MessageSource

SUFFIX = ".liquid"
_LOCALE = re.compile(r"[a-z]{2}(-[a-z]{2,4})?")
_SEGMENT = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True, slots=True)
class Variant:
    """What a file's name says: the message that it is one of, and for whom. None of the two: the message itself."""

    message: str
    segment: str | None = None
    locale: str | None = None


def named(name: str) -> Variant:
    """``hello.vip.de`` -> Variant("hello", "vip", "de"). Raises ContentProblem for a name that says something else."""
    message, *more = name.split(".")
    locale = more.pop() if more and _LOCALE.fullmatch(more[-1]) else None
    segment = more.pop() if more and _SEGMENT.fullmatch(more[-1]) and not _LOCALE.fullmatch(more[-1]) else None
    if more:
        sentence = (
            f"{name}{SUFFIX} is no name of a variant: write {message}.de{SUFFIX} for a language,"
            f" {message}.vip{SUFFIX} for a segment, {message}.vip.de{SUFFIX} for both."
        )
        raise ContentProblem("front_matter", sentence, name)
    return Variant(message, segment, locale)


def of_file(path: str) -> Variant:
    """The same of a file's path, as messages are called by it in problems."""
    return named(path.rsplit("/", 1)[-1].removesuffix(SUFFIX))


def segments(names: Collection[str], message: str) -> list[str]:
    """The segments that this message has variants for, in the order in which they are tried."""
    found = (named(name) for name in names if name.startswith(f"{message}."))
    return sorted({one.segment for one in found if one.segment})


def chosen(
    sources: Mapping[str, MessageSource], message: str, locales: Collection[str], members: Container[str]
) -> str:
    """The name, of ``sources``, of the variant for somebody.

    ``locales``: the tags that they read, the dearest first (of the person, then of the shop); ``members``: the
    segments that they are in. Of several segments the first by name counts. The message itself is the variant for the
    language that it is written in.
    """
    kept = [one for one in segments(sources, message) if one in members]
    for locale in _wanted(locales):
        suffix = None if locale == _tag(sources[message].locale) else locale
        for segment in (*kept, None):
            name = ".".join(part for part in (message, segment, suffix) if part)
            if name in sources:
                return name
    return message


def _wanted(locales: Collection[str]) -> Iterator[str | None]:
    for tag in (_tag(one) for one in locales if one):
        yield tag
        if "-" in tag:
            yield tag.split("-")[0]
    # Whatever it is written in.
    yield None


def _tag(locale: str) -> str:
    return locale.replace("_", "-").lower()


def misfits(sources: Mapping[str, MessageSource], besides: Container[str] = ()) -> Iterator[tuple[str, str]]:
    """(name, sentence) of variants that are none of their message. ``sources``: every message and variant, by name;
    ``besides``: messages that are there and cannot be read."""
    for name, source in sources.items():
        variant = named(name)
        if variant.message == name or variant.message in besides:
            continue
        base = sources.get(variant.message)
        if base is None:
            yield name, f"This is a variant of {variant.message}{SUFFIX}, which is not there."
            continue
        for what in ("channel", "purpose"):
            mine, its = getattr(source, what), getattr(base, what)
            if mine != its:
                yield name, f"Its {what} is {mine}, that of {variant.message}{SUFFIX} is {its}: variants have the same."
