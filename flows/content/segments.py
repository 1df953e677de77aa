"""How many messages a text message is billed as: counted before it is sent.

A text in the GSM alphabet (3GPP TS 23.038) takes one septet a character, two for those of its extension table: 160 in
one message, 153 in each part of a longer one. Any other character makes the whole text UCS-2: 70 units of UTF-16, or 67
in each part. What takes two places never stands on both sides of a border, so a part may be one short.
"""

from __future__ import annotations

from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
# Places in one message, and in each part of a longer one.
_GSM, _UCS2 = (160, 153), (70, 67)
_LAST_OF_ONE_UNIT = 0xFFFF


@dataclass(frozen=True, slots=True)
class Length:
    """``places``: septets, or units of UTF-16 when ``unicode``. ``segments``: what is billed."""

    unicode: bool
    places: int
    segments: int


def length(text: str) -> Length:
    """What this text comes to as it arrives. The empty text is one message.

    >>> length("Hello"), length("5 €"), length("Hi 👋")
    (Length(unicode=False, places=5, segments=1), Length(unicode=False, places=4, segments=1), \
Length(unicode=True, places=5, segments=1))
    """
    unicode = bool(foreign(text))
    widths = [_width(sign, unicode) for sign in text]
    alone, together = _UCS2 if unicode else _GSM
    if sum(widths) <= alone:
        return Length(unicode, sum(widths), 1)
    segments, used = 1, 0
    for width in widths:
        if used + width > together:
            segments, used = segments + 1, 0
        used += width
    return Length(unicode, sum(widths), segments)


def foreign(text: str) -> tuple[str, ...]:
    """The characters that the GSM alphabet lacks, each once, in their order."""
    return tuple(dict.fromkeys(sign for sign in text if sign not in _BASIC and sign not in _EXTENSION))


def _width(sign: str, unicode: bool) -> int:
    if unicode:
        return 2 if ord(sign) > _LAST_OF_ONE_UNIT else 1
    return 2 if sign in _EXTENSION else 1
