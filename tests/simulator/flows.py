"""Small flows for tests of the simulator."""

from __future__ import annotations

from flows.definition_files import FlowFolder, compile_texts

_EMAIL = "---\nsubject: {0}\npurpose: marketing\ndeadline: 9d\n---\n<p>Hello</p>\n"


def flow(text: str, *messages: str) -> FlowFolder:
    """The flow of this text, with emails of these names."""
    name = text.split("flow: ", 1)[1].split("\n", 1)[0]
    return compile_texts(f"name: {name}\n{text}", {one: _EMAIL.format(one) for one in messages})
