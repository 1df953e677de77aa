"""Processor seconds of the product's processes, from /proc. Linux only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROGRAMS = {"postgres": "postgres", "postgres:": "postgres", "redis-server": "redis"}


@dataclass(frozen=True)
class _Seen:
    parent: int
    # Of itself and of its children that have ended.
    seconds: float
    command: str


def used(roots: Mapping[int, str]) -> dict[str, float]:
    """Name -> processor seconds so far of everything below ``roots`` (pid -> what it is called)."""
    table = _processes()
    sums: dict[str, float] = {}
    for pid, seen in table.items():
        root = pid
        while root not in roots and root in table:
            root = table[root].parent
        if root in roots:
            name = _part(seen.command) or roots[root]
            sums[name] = sums.get(name, 0.0) + seen.seconds
    return sums


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was used in between, the largest first."""
    spent = {name: round(seconds - before.get(name, 0.0), 2) for name, seconds in after.items()}
    return dict(sorted(spent.items(), key=lambda entry: -entry[1]))


def pids_of(name: str, roots: Mapping[int, str]) -> list[int]:
    """The processes of the product that go by this name."""
    table = _processes()
    found = []
    for pid, seen in table.items():
        root = pid
        while root not in roots and root in table:
            root = table[root].parent
        if root in roots and _part(seen.command) == name:
            found.append(pid)
    return found


def part_of(command: str) -> str:
    """What a process of the product with this command line is called; "" for what is none."""
    words = command.split()
    if "connector.worker" in words:
        return words[words.index("connector.worker") + 1]
    if "connector.clockwork" in words:
        return "clock"
    if "granian" in words or "spawn_main" in command:
        return "web"
    return _PROGRAMS.get(words[0].rpartition("/")[2], "") if words else ""


def _part(command: str) -> str:
    """As ``part_of``, with the helper of the web server's processes."""
    return "web" if "resource_tracker" in command else part_of(command)


def _processes() -> dict[int, _Seen]:
    table = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name in brackets may hold anything, blanks too.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        table[int(entry.name)] = _Seen(int(fields[1]), sum(map(int, fields[11:15])) / _TICKS, command)
    return table
