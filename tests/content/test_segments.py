"""Segments as they are billed, against a count that shares nothing with ours but the standard."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.content.segments import foreign, length

# 3GPP TS 23.038, table by table, as code points: column by column of the basic one, then the extension.
BASIC = (
    [0x40, 0xA3, 0x24, 0xA5, 0xE8, 0xE9, 0xF9, 0xEC, 0xF2, 0xC7, 0x0A, 0xD8, 0xF8, 0x0D, 0xC5, 0xE5]
    + [0x394, 0x5F, 0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0, 0x3A8, 0x3A3, 0x398, 0x39E, 0xC6, 0xE6, 0xDF, 0xC9]
    + [0x20, 0x21, 0x22, 0x23, 0xA4, *range(0x25, 0x40)]
    + [0xA1, *range(0x41, 0x5B), 0xC4, 0xD6, 0xD1, 0xDC, 0xA7]
    + [0xBF, *range(0x61, 0x7B), 0xE4, 0xF6, 0xF1, 0xFC, 0xE0]
)
EXTENSION = [0x0C, 0x5E, 0x7B, 0x7D, 0x5C, 0x5B, 0x7E, 0x5D, 0x7C, 0x20AC]
GSM = [chr(code) for code in BASIC + EXTENSION]


def by_cutting(text: str) -> int:
    """Cuts the encoded text into messages, as a telephone would have to: as bytes, looking for the borders."""
    codes = [ord(sign) for sign in text]
    if all(code in BASIC or code in EXTENSION for code in codes):
        # One byte for a septet, with 0x1b before what is in the extension table.
        encoded = b"".join(b"\x1b\x01" if code in EXTENSION else b"\x02" for code in codes)
        whole, part, goes_on = 160, 153, b"\x1b"
    else:
        # One byte for a unit: the first of two, the second of two, one by itself.
        units = text.encode("utf-16-be", "surrogatepass")
        kinds = {0xD8: b"\x1b", 0xDC: b"\x01"}
        encoded = b"".join(kinds.get(units[n] & 0xFC, b"\x02") for n in range(0, len(units), 2))
        whole, part, goes_on = 70, 67, b"\x1b"
    if len(encoded) <= whole:
        return 1
    count = 0
    while encoded:
        cut = part - 1 if encoded[part - 1 : part] == goes_on and len(encoded) > part else part
        encoded, count = encoded[cut:], count + 1
    return count


@given(
    st.text(st.sampled_from(GSM), max_size=400)
    | st.text(st.sampled_from("ab€^👋"), min_size=60, max_size=330)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=220)
)
@example("a" * 160)
@example("a" * 161)
@example("a" * 152 + "€" * 8)
@example("é" * 152 + "€" + "a" * 153)
@example("’" * 70)
@example("’" * 66 + "👋" * 40)
def test_as_many_as_a_telephone_would_cut_it_into(text: str) -> None:
    assert length(text).segments == by_cutting(text)


def naive(text: str) -> int:
    """The control: as if every character took one place and could stand anywhere."""
    return 1 if len(text) <= 160 else -(-len(text) // 153)


@pytest.mark.parametrize("text", ["€" * 81, "a" * 152 + "€" * 77, "’" * 71, "👋" * 36])
def test_control_who_counts_characters_is_wrong(text: str) -> None:
    assert naive(text) != by_cutting(text) == length(text).segments


def test_what_makes_it_unicode_is_named_once() -> None:
    assert foreign("“Sale” – 5 € “now”") == ("“", "”", "–")
    assert foreign("".join(GSM)) == ()
