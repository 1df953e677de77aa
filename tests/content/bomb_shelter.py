"""Renders hostile messages in a process of its own, with little memory, and says what became of each.

Standard input: JSON, name to body. Standard output: JSON, name to [code or "rendered", seconds]. A child,
because a bomb that goes off would take the test run with it.
"""

from __future__ import annotations

import json
import resource
import sys
from time import process_time

from flows.content.context import example
from flows.content.problems import ContentProblem
from flows.content.render import render
from flows.content.source import MessageSource

HEADROOM = 300 * 1024 * 1024
"""Bytes that the child may take beyond what it has after its imports."""


def main() -> None:
    bodies = json.load(sys.stdin)
    with open("/proc/self/statm", encoding="ascii") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + HEADROOM, used + HEADROOM))
    results = {}
    for name, body in bodies.items():
        started = process_time()
        try:
            render(MessageSource(name=name, subject="Hello", body=body), example())
            outcome = "rendered"
        except ContentProblem as problem:
            outcome = problem.code
        results[name] = [outcome, process_time() - started]
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
