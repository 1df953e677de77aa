"""What docs/brevo-automations-library.md says of each flow that ships: how to draw it as an automation at Brevo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from connector.event_mapping import defaults, names_of
from flows.core import words
from flows.core.model import FlowVersion
from flows.core.vocabulary import event_named
from flows.definition_files import read_folder
from flows.engine.publish import FROM_THE_START
from flows.starters import folder

ALWAYS = ("offers", "flow", "key", "run")
"""What every entering event without an entry in the mapping carries beside the properties of the event that starts it
(connector/automations.py)."""
_ON_THE_OTHER_PAGE = frozenset(FROM_THE_START)


def recipes(names: Sequence[str]) -> str:
    """A part for each of these flows that has messages and no part on docs/brevo-automations.md."""
    flows = [shipped(name) for name in names if name not in _ON_THE_OTHER_PAGE]
    return "\n".join(line for flow in flows if flow.messages for line in _recipe(flow)).rstrip("\n")


def silent(names: Sequence[str]) -> str:
    """The flows without a message: nobody enters an automation by them."""
    return ", ".join(f"`{name}`" for name in names if not shipped(name).messages)


@cache
def shipped(name: str) -> FlowVersion:
    """A flow of the library, read once."""
    return read_folder(folder(name)).flow


def _recipe(flow: FlowVersion) -> Iterator[str]:
    about = flow.definition.get("about", {})
    lines = list(words.document(flow))
    told = dict(line.split(": ", 1) for line in lines if ": " in line and not line.startswith(" "))
    entered, left = f"{flow.flow}_entered", f"{flow.flow}_left"
    yield from (f"## {flow.name}", "", f"{about.get('purpose', flow.name)}.", "", "| | |", "|---|---|")
    yield f"| flow | `{flow.flow}` |"
    yield f"| entry event | `{_name(entered)}`; may enter again |"
    yield f"| its properties | {', '.join(f'`{name}`' for name in properties(flow))} |"
    yield f"| exit event | `{_name(left)}` |"
    yield f"| who enters | {told['Starts on']}; {told['Segment']} |"
    yield f"| who leaves | {told['Ends early']}; at the goal, {told['Goal'].partition(';')[0]} |"
    yield f"| messages | {', '.join(f'*{one.name}* ({one.channel})' for one in flow.messages.values())} |"
    # Of the document only the steps are indented.
    yield from ("", "```", *(line.removeprefix("  ") for line in lines if line.startswith(" ")), "```", "")


def properties(flow: FlowVersion) -> list[str]:
    """What the entering event of this flow carries, as it is named at Brevo, as far as it is known beforehand."""
    entry = defaults().get(f"{flow.flow}_entered")
    if entry is not None and "properties" in entry:
        return list(names_of(entry["properties"]).values())
    known = event_named(flow.trigger.on)
    carried = list(known.props) if known else []
    return list(dict.fromkeys([*carried, *ALWAYS]))


def _name(event: str) -> str:
    return str(defaults().get(event, {"as": event})["as"])
