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

A text message says its channel, has no subject, and its body is plain text with Liquid::

    ---
    channel: sms
    purpose: marketing
    ---
    {{ shop.name }}: your cart is waiting. {{ checkout.recovery_url }}

A WhatsApp message names the template that Meta has approved (its number at Brevo, or its name) and what this is filled
with; its body is how it reads. Without a template the body is what is sent, to people who have just written::

    ---
    channel: whatsapp
    purpose: marketing
    template: cart_waiting
    params:
      NAME: "{{ person.first_name | default: 'there' }}"
    ---
    Hi {{ params.NAME }}, your cart is waiting.

A push message has a title, and an address that a tap on it opens::

    ---
    channel: push
    purpose: marketing
    title: Your cart is waiting
    url: "{{ checkout.recovery_url }}"
    ---
    We kept everything for you.

``locale: de`` says which language it is written in; without it that of its name (``cart.de.liquid``), or English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import yaml

from flows.content.problems import ContentProblem

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<head>.*?)^---[ \t]*\n(?P<body>.*)\Z", re.DOTALL | re.MULTILINE)
_DURATION = re.compile(r"(\d{1,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EVERYWHERE = ("channel", "deadline", "locale", "note", "purpose")
# Channel -> what its messages have besides.
_OF_CHANNEL: Mapping[str, tuple[str, ...]] = {
    "email": ("preview", "subject", "subject_fallback"),
    "push": ("title", "url"),
    "sms": (),
    "whatsapp": ("params", "template"),
}
_PURPOSES = ("marketing", "transactional")
_PARAM = re.compile(r"[A-Za-z0-9_]{1,60}")
_LOCALE = re.compile(r"[A-Za-z]{2}([-_][A-Za-z]{2,4})?")
_SUFFIX = re.compile(r"\.([a-z]{2}(?:-[a-z]{2,4})?)(?:\.liquid)?\Z")

MAX_SOURCE = 64_000
"""Characters of one file. Every other limit of the language leans on this one."""


@dataclass(frozen=True, slots=True)
class MessageSource:
    """One message as the merchant wrote it.

    ``subject``, ``preview`` and ``body`` are Liquid; ``subject_fallback`` is what the subject becomes when a
    value that it names is missing. ``deadline`` is how late the message may leave. ``body_line`` is the line
    of the file on which the body begins, so that problems can be pointed at. Texts have a body only. ``template``: of
    a WhatsApp message, its number or name at Brevo, None for plain text; ``params``: (name, Liquid) of what fills it.
    ``title``, ``url``: of a push message, Liquid.
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
    template: int | str | None = None
    params: tuple[tuple[str, str], ...] = ()
    locale: str = "en"
    title: str = ""
    url: str = ""

    @property
    def liquid(self) -> tuple[str, ...]:
        """Everything of it that is Liquid."""
        texts = (self.subject, self.preview, self.subject_fallback, self.title, self.url, self.body)
        return (*texts, *(text for _, text in self.params))


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
    for key, allowed in (("channel", tuple(_OF_CHANNEL)), ("purpose", _PURPOSES)):
        if key in head and head[key] not in allowed:
            raise _problem(name, 2, f"{key} is one of {', '.join(allowed)}, not {head[key]!r}.")
    channel = str(head.get("channel", "email"))
    known = sorted((*_EVERYWHERE, *_OF_CHANNEL[channel]))
    unknown = sorted(str(key) for key in head if key not in known)
    if unknown:
        raise _problem(
            name, 2, f"{unknown[0]!r} is not known here; known in messages by {channel} are {', '.join(known)}."
        )
    for key in ("subject", "title", "url", "purpose"):
        if key in known and not head.get(key):
            raise _problem(name, 2, f"The message needs a {key}.")
    return MessageSource(
        name=name,
        subject=_line(name, head, "subject"),
        preview=_line(name, head, "preview"),
        subject_fallback=_line(name, head, "subject_fallback"),
        channel=channel,
        purpose=str(head["purpose"]),
        deadline=_duration(name, head.get("deadline", "24h")),
        note=_line(name, head, "note"),
        body=found["body"],
        body_line=found["head"].count("\n") + 3,
        template=_template(name, head),
        params=_params(name, head),
        locale=_locale(name, head),
        title=_line(name, head, "title"),
        url=_line(name, head, "url"),
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


def _locale(name: str, head: dict[str, object]) -> str:
    """What the file says; else what its name says (``flows.content.variants``); else English."""
    told = _line(name, head, "locale")
    if told and not _LOCALE.fullmatch(told):
        raise _problem(name, 2, f"locale is a language such as de or pt-BR, not {told!r}.")
    suffix = _SUFFIX.search(name)
    return told or (suffix[1] if suffix else "en")


def _template(name: str, head: dict[str, object]) -> int | str | None:
    value = head.get("template")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str) or not value:
        raise _problem(name, 2, "template is the number of a WhatsApp template at Brevo, or its name.")
    return value


def _params(name: str, head: dict[str, object]) -> tuple[tuple[str, str], ...]:
    value = head.get("params") or {}
    if value and head.get("template") is None:
        raise _problem(name, 2, "params fill a template: name it with template.")
    if not isinstance(value, dict) or not all(_PARAM.fullmatch(str(one)) for one in value):
        raise _problem(name, 2, "params is a list of names (letters, digits and _) and texts.")
    return tuple((str(one), _line(name, {str(one): value[one]}, str(one))) for one in value)


def _duration(name: str, value: object) -> timedelta:
    found = _DURATION.fullmatch(str(value))
    if not found:
        raise _problem(name, 2, f"deadline is a duration such as 24h or 2d, not {value!r}.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _problem(name: str, line: int, sentence: str) -> ContentProblem:
    return ContentProblem("front_matter", sentence, f"{name}, line {line}")
