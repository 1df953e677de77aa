"""Renders hostile messages in a process of its own, with little memory, and says what became of each.

Standard input: JSON, name to body, or to [body, how the example is blown up]: {"letters": of each text, "members": of
each list, "deep": levels in the place of the first name}. Standard output: JSON, name to [code or "rendered", seconds].
A child, because a bomb that goes off would take the test run with it.
"""

from __future__ import annotations

import json
import resource
import sys
from time import process_time
from typing import Any

from flows.content.context import example
from flows.content.problems import ContentProblem
from flows.content.render import render
from flows.content.source import MessageSource

HEADROOM = 300 * 1024 * 1024
"""Bytes that the child may take beyond what it has after its imports."""


def blown_up(letters: int = 0, members: int = 0, deep: int = 0) -> dict[str, Any]:
    """The example, larger than anybody's facts."""

    def larger(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: larger(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [larger(inner) for inner in value] * max(1, members // max(1, len(value)))
        # One text for all places: what the message makes of it is what is measured.
        return text if letters and isinstance(value, str) else value

    text = "{{ 7*7 }}<b>" * (letters // 12)
    facts: dict[str, Any] = larger(example())
    for _ in range(deep):
        facts["person"]["first_name"] = {"deeper": facts["person"]["first_name"]}
    return facts


def main() -> None:
    bodies = json.load(sys.stdin)
    with open("/proc/self/statm", encoding="ascii") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + HEADROOM, used + HEADROOM))
    results = {}
    for name, given in bodies.items():
        body, how = given if isinstance(given, list) else (given, {})
        facts = blown_up(**how)
        started = process_time()
        try:
            render(MessageSource(name=name, subject="Hello", body=body), facts)
            outcome = "rendered"
        except ContentProblem as problem:
            outcome = problem.code
        results[name] = [outcome, process_time() - started]
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
