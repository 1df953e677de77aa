"""The file of one message: YAML front matter between two ``---`` lines, then the body.

::

    ---
    subject: Your cart is waiting, {{ person.first_name | default: "friend" }}
    preview: We kept everything for you.
    purpose: marketing
    deadline: 24h
    ---
    <h1>You left something behind</h1>
    <p>Here is what is in your cart:</p>

    {% render 'cart_items' %}

    {% render 'button', label: "Back to my cart", url: checkout.recovery_url %}

The body is simple HTML with Liquid. A Liquid tag alone on its line divides the body into sections: a block
(``render``), or a choice between sections (``if`` ... ``endif``). The blocks are the files of ``blocks/``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import yaml

from flows.content.problems import ContentProblem

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<head>.*?)^---[ \t]*\n(?P<body>.*)\Z", re.DOTALL | re.MULTILINE)
_DURATION = re.compile(r"(\d{1,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_KNOWN = ("channel", "deadline", "note", "preview", "purpose", "subject", "subject_fallback")
_CHANNELS = ("email",)
_PURPOSES = ("marketing", "transactional")

MAX_SOURCE = 64_000
"""Characters of one file. Every other limit of the language leans on this one."""


@dataclass(frozen=True, slots=True)
class MessageSource:
    """One message as the merchant wrote it.

    ``subject``, ``preview`` and ``body`` are Liquid; ``subject_fallback`` is what the subject becomes when a
    value that it names is missing. ``deadline`` is how late the message may leave. ``body_line`` is the line
    of the file on which the body begins, so that problems can be pointed at.
    """

    name: str
    subject: str
    body: str
    preview: str = ""
    subject_fallback: str = ""
    channel: str = "email"
    purpose: str = "marketing"
    deadline: timedelta = timedelta(hours=24)
    note: str = ""
    body_line: int = 1


def parse(name: str, text: str) -> MessageSource:
    """Read a message file. ``name`` is how problems call it, such as ``cart-recovery/reminder``.

    Raises ContentProblem (``front_matter``, ``too_large``).
    """
    if len(text) > MAX_SOURCE:
        raise ContentProblem("too_large", f"A message file has at most {MAX_SOURCE:,} characters.", name)
    found = _FRONT_MATTER.match(text.replace("\r\n", "\n").lstrip("\ufeff"))
    if not found:
        raise _problem(name, 1, "The file starts with a line ---, then subject and purpose, then a line ---.")
    head = _head(name, found["head"])
    unknown = sorted(str(key) for key in head if key not in _KNOWN)
    if unknown:
        raise _problem(name, 2, f"{unknown[0]!r} is not known here; known are {', '.join(_KNOWN)}.")
    for key, allowed in (("channel", _CHANNELS), ("purpose", _PURPOSES)):
        if key in head and head[key] not in allowed:
            raise _problem(name, 2, f"{key} is one of {', '.join(allowed)}, not {head[key]!r}.")
    for key in ("subject", "purpose"):
        if not head.get(key):
            raise _problem(name, 2, f"The message needs a {key}.")
    return MessageSource(
        name=name,
        subject=_line(name, head, "subject"),
        preview=_line(name, head, "preview"),
        subject_fallback=_line(name, head, "subject_fallback"),
        channel=str(head.get("channel", "email")),
        purpose=str(head["purpose"]),
        deadline=_duration(name, head.get("deadline", "24h")),
        note=_line(name, head, "note"),
        body=found["body"],
        body_line=found["head"].count("\n") + 3,
    )


def _head(name: str, text: str) -> dict[str, object]:
    try:
        head = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 2
        raise _problem(
            name, line, "This line is not valid YAML. Put a text with : or {{ in it between quotes."
        ) from error
    if not isinstance(head, dict):
        raise _problem(name, 2, "The front matter is a list of names and values, such as subject: Hello.")
    return head


def _line(name: str, head: dict[str, object], key: str) -> str:
    value = head.get(key, "")
    if not isinstance(value, str):
        raise _problem(name, 2, f"{key} is a text; put it between quotes.")
    return " ".join(value.split())


def _duration(name: str, value: object) -> timedelta:
    found = _DURATION.fullmatch(str(value))
    if not found:
        raise _problem(name, 2, f"deadline is a duration such as 24h or 2d, not {value!r}.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _problem(name: str, line: int, sentence: str) -> ContentProblem:
    return ContentProblem("front_matter", sentence, f"{name}, line {line}")
