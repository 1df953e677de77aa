"""What a lint of a message is made of, and the message as lints see it: filled once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flows.content import plain_text, push_message, text_message, whatsapp_message
from flows.content.lints.page import Page, read
from flows.content.render import Rendered, render
from flows.content.source import MessageSource

# As long as one of ours is on a domain of middling length.
SHORT_LINK = "https://go.shop.example/c/1-0000000000"
EVERY_CHANNEL = frozenset({"email", "sms", "whatsapp", "push"})
WRITTEN_HERE = EVERY_CHANNEL - {"whatsapp"}
"""Not WhatsApp, whose templates have their buttons and their length at Meta."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. ``blocking``: the message cannot be activated as long as it is there."""

    code: str
    sentence: str
    where: str
    blocking: bool = True


class Subject:
    """A message and the facts it is tried with."""

    def __init__(self, source: MessageSource, context: Mapping[str, Any]) -> None:
        self.source = source
        self.context = context
        self.links: list[str] = []

    def fill(self, context: Mapping[str, Any]) -> object:
        """The message for somebody of whom this is known. Raises ContentProblem."""
        return _FILL.get(self.source.channel, _plain)(self.source, context, lambda target: SHORT_LINK)

    @cached_property
    def email(self) -> Rendered:
        """Raises ContentProblem."""
        return render(self.source, self.context)

    @cached_property
    def page(self) -> Page:
        """The finished email, as a mailbox reads it."""
        return read(self.email.html)

    @cached_property
    def text(self) -> str:
        """The whole of a message that is plain text; ``links`` then has its addresses. Raises ContentProblem."""

        def shorten(target: str) -> str:
            self.links.append(target)
            return SHORT_LINK

        return str(_FILL.get(self.source.channel, _plain)(self.source, self.context, shorten))

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it leads."""
        if self.source.channel == "email":
            return self.email.links
        # A text is filled before it is known where it leads.
        return tuple(self.links) if self.text else ()

    @property
    def liquid(self) -> str:
        """Everything of it that its author has written."""
        return "\n".join(self.source.liquid)


@dataclass(frozen=True, slots=True)
class MessageLint:
    """``look`` raises ContentProblem only where the message cannot be filled at all. ``blocks``: whether anything that
    it finds stops a publication."""

    name: str
    about: str | None
    look: Callable[[Subject], Iterable[Finding]]
    channels: frozenset[str] = EVERY_CHANNEL
    blocks: bool = False


Shorten = Callable[[str], str]


def _email(source: MessageSource, context: Mapping[str, Any], shorten: Shorten) -> object:
    return render(source, context)


def _whatsapp(source: MessageSource, context: Mapping[str, Any], shorten: Shorten) -> str:
    return whatsapp_message.fill(source, context, shorten).text


def _plain(source: MessageSource, context: Mapping[str, Any], shorten: Shorten) -> str:
    return plain_text.body(source, context, shorten)


def _push(source: MessageSource, context: Mapping[str, Any], shorten: Shorten) -> str:
    written = push_message.fill(source, context, shorten)
    return f"{written.title}\n{written.text}"


_FILL: Mapping[str, Callable[[MessageSource, Mapping[str, Any], Shorten], object]] = {
    "email": _email,
    "push": _push,
    "sms": text_message.fill,
    "whatsapp": _whatsapp,
}
