"""A message as it arrives, by whatever channel: what somebody looks at before anybody gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flows.content import push_message, text_message, whatsapp_message
from flows.content.lints.lint import SHORT_LINK
from flows.content.render import render
from flows.content.segments import Length
from flows.content.source import MessageSource


@dataclass(frozen=True, slots=True)
class Proof:
    """``title``: the subject of an email, the title of a push message, else empty; ``preview`` and ``html``: of emails
    alone. ``links``: where it leads, in order, each once. ``length``: what a text message is billed as. ``params``:
    what a WhatsApp template is filled with."""

    name: str
    channel: str
    text: str
    title: str = ""
    preview: str = ""
    html: str = ""
    links: tuple[str, ...] = ()
    length: Length | None = None
    params: Mapping[str, str] = field(default_factory=dict)


def proof(source: MessageSource, context: Mapping[str, Any]) -> Proof:
    """The message for one person. ``context`` is as ``flows.content.context`` lists it. Addresses in plain text stand
    as short links, so that its length is right. Raises ContentProblem.
    """
    links: list[str] = []

    def shorten(address: str) -> str:
        links.append(address)
        return min(address, SHORT_LINK, key=len)

    def once() -> tuple[str, ...]:
        return tuple(dict.fromkeys(links))

    match source.channel:
        case "email":
            mail = render(source, context)
            return Proof(source.name, "email", mail.text, mail.subject, mail.preview, mail.html, mail.links)
        case "whatsapp":
            written = whatsapp_message.fill(source, context, shorten)
            return Proof(source.name, "whatsapp", written.text, links=once(), params=written.params)
        case "push":
            push = push_message.fill(source, context, shorten)
            return Proof(source.name, "push", push.text, push.title, links=once())
        case _:
            text = text_message.fill(source, context, shorten)
            shown = text_message.arriving(text)
            return Proof(source.name, source.channel, shown, links=once(), length=text_message.as_billed(text))
