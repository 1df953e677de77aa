"""What is different between two sets of files."""

from __future__ import annotations

import random

from connector.admin import differences
from connector.admin.differences import Line, between


def test_lines_that_are_the_same_are_left_out_but_for_those_around() -> None:
    old = [f"line {number}" for number in range(30)]
    new = [*old[:15], "another", *old[16:]]
    (found,) = between({"a": "\n".join(old)}, {"a": "\n".join(new)})
    assert (found.what, found.more, found.less) == ("changed", 1, 1)
    assert found.lines[0] == Line("skipped", "12 lines that are the same") and found.lines[-1].text.startswith("11")
    assert [line.text for line in found.lines[1:5]] == ["line 12", "line 13", "line 14", "line 15"]
    assert [(line.sign, line.text) for line in found.lines if line.sign in "+-" and line.sign] == [
        ("-", "line 15"),
        ("+", "another"),
    ]


def test_files_that_come_and_go_are_told_and_equal_ones_are_not() -> None:
    found = between({"a": "1\n", "b": "2\n", "c": "3\n"}, {"c": "3\n", "d": "4\n", "a": "1\n5\n"})
    assert [(one.file, one.what, one.more, one.less) for one in found] == [
        ("d", "added", 1, 0), ("a", "changed", 1, 0), ("b", "removed", 0, 1),
    ]  # fmt: skip
    assert between({"a": "1"}, {"a": "1"}) == []


def test_the_new_file_can_be_read_off_whatever_it_was(seed: int = 7) -> None:
    chance = random.Random(seed)  # noqa: S311
    for length in (0, 1, 5, 40, differences._MOST_LINES):
        old, new = ([str(chance.randrange(9)) for _ in range(length)] for _ in range(2))
        for one in between({"a": "\n".join(old)}, {"a": "\n".join(new)}):
            shown = [line for line in one.lines if line.kind in ("added", "same")]
            skipped = sum(int(line.text.split()[0]) for line in one.lines if line.kind == "skipped")
            assert len(shown) + skipped == len(new)
            if not skipped:
                assert [line.text for line in shown] == new
