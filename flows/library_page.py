"""``python -m flows.library_page < docs/library.md`` prints the page with what it says of the flows that ship now.

So it does with docs/brevo-automations-library.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib.resources import files
from typing import Any

from flows import automations_page
from flows.core import durations
from flows.definition_files import FLOW_FILE, parse
from flows.starters import DAY, HOUR, STARTERS, folder

_PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def templates() -> Mapping[str, Mapping[str, Any]]:
    """The flow files that ship, as plain data, by name."""
    found = sorted(entry.name for entry in files("flows.library").iterdir() if (entry / FLOW_FILE).is_file())
    return {name: parse((folder(name) / FLOW_FILE).read_text("utf-8"), f"{name}/{FLOW_FILE}")[0] for name in found}


def _order() -> str:
    known = templates()
    lines = ["| | flow | what for | why |", "| --- | --- | --- | --- |"]
    for number, one in enumerate(STARTERS, start=1):
        begin = ", one to begin with" if one.begin else ""
        lines.append(f"| {number} | `{one.flow}`{begin} | {_purpose(known[one.flow])} | {one.why} |")
    return "\n".join(lines)


def _lengths() -> str:
    lines = ["| flow | emails | over | the first | between two |", "| --- | --- | --- | --- | --- |"]
    for one in STARTERS:
        if one.guide is not None:
            first = "at once" if not one.guide.first[1] else f"after {_between(one.guide.first, HOUR, 'hours')}"
            apart = _between(one.guide.apart, DAY, "days") if one.guide.apart else "as long as it takes"
            emails, days = (f"{least} to {most}" for least, most in (one.guide.emails, one.guide.days))
            lines.append(f"| `{one.flow}` | {emails} | {days} days | {first} | {apart} |")
    return "\n".join(lines)


def _between(span: tuple[timedelta, timedelta], unit: timedelta, name: str) -> str:
    # A day after the one that left an hour late is 23 hours.
    return f"{round(span[0] / unit)} to {round(span[1] / unit)} {name}"


def _all() -> str:
    lines = ["| flow | what for | starts on |", "| --- | --- | --- |"]
    for name, data in templates().items():
        trigger = data["trigger"]
        after = f" after {durations.say(durations.parse(trigger['after']))}" if "after" in trigger else ""
        lines.append(f"| `{name}` | {_purpose(data)} | `{trigger['on']}`{after} |")
    return "\n".join(lines)


def _purpose(data: Mapping[str, Any]) -> str:
    return str(data.get("about", {}).get("purpose", data["name"]))


PARTS: Mapping[str, Callable[[], str]] = {
    "order": _order,
    "lengths": _lengths,
    "all": _all,
    "automations": lambda: automations_page.recipes(list(templates())),
    "silent": lambda: automations_page.silent(list(templates())),
}


def refreshed(document: str) -> str:
    """The page with every generated part as the library has it now. Raises KeyError for an unknown part."""
    return _PART.sub(lambda part: f"{part[1]}{PARTS[part['name']]()}\n{part[3]}", document)


if __name__ == "__main__":
    sys.stdout.write(refreshed(sys.stdin.read()))
