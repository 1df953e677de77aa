"""What is wrong with a message, found before anybody gets it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flows.content import text_message, whatsapp_message
from flows.content.problems import ContentProblem
from flows.content.render import Rendered, render
from flows.content.segments import foreign
from flows.content.source import MessageSource

CLIPPED_AT = 102_000
"""Bytes of HTML after which Gmail hides the rest, and with it the unsubscribe link."""

_OFFER = re.compile(r"\bshop\.offers\b|\bcoupon\.|\brender\s+['\"]offer['\"]")
# The two names that are missing for a good part of all subscribers.
_RARE = ("first_name", "last_name")
# As long as one of ours is on a domain of middling length.
_SHORT_LINK = "https://go.shop.example/c/1-0000000000"

Fill = Callable[[MessageSource, Mapping[str, Any]], object]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. ``blocking``: the message cannot be activated as long as it is there."""

    code: str
    sentence: str
    where: str
    blocking: bool = True


def problems(source: MessageSource, example_context: Mapping[str, Any]) -> list[Finding]:
    """Everything that is wrong with ``source`` for a shop like the one in ``example_context``.

    Codes: those of ContentProblem, and ``missing_fallback``, ``promotion_in_transactional``,
    ``no_variant_without_offer``, ``no_links``; of emails also ``no_unsubscribe``, ``no_address``, ``no_preview``,
    ``clipped``; of texts ``several_segments``, ``unicode``; of WhatsApp messages ``params``.
    """
    try:
        return _OF_CHANNEL[source.channel](source, example_context)
    except ContentProblem as problem:
        return [Finding(problem.code, problem.sentence, problem.where)]


def _of_email(source: MessageSource, context: Mapping[str, Any]) -> list[Finding]:
    rendered = render(source, context)
    return [
        *_footer(source, rendered, context),
        *_links(source, len(rendered.links), "give it a button"),
        *_without_names(source, context, render),
        *_without_offers(source, context, render),
        *_promotion(source),
        *_for_mailboxes(source, rendered),
    ]


def _of_text(source: MessageSource, context: Mapping[str, Any]) -> list[Finding]:
    links: list[str] = []

    def shorten(target: str) -> str:
        links.append(target)
        return _SHORT_LINK

    def fill(source: MessageSource, context: Mapping[str, Any]) -> str:
        return text_message.fill(source, context, shorten)

    text = fill(source, context)
    # Marketing says how to stop it, which counts as one.
    return [
        *_links(source, len(links) + (source.purpose == "marketing"), "say where to go"),
        *_length(source, text),
        *_without_names(source, context, fill),
        *_without_offers(source, context, fill),
        *_promotion(source),
    ]


def _of_whatsapp(source: MessageSource, context: Mapping[str, Any]) -> list[Finding]:
    """Where it leads is not looked at: a template has its buttons at Brevo."""
    if sentences := list(whatsapp_message.misnamed(source)):
        return [Finding("params", sentence, source.name) for sentence in sentences]

    def fill(source: MessageSource, context: Mapping[str, Any]) -> whatsapp_message.Written:
        return whatsapp_message.fill(source, context, lambda target: target)

    fill(source, context)
    return [
        *_without_names(source, context, fill),
        *_without_offers(source, context, fill),
        *_promotion(source),
    ]


_OF_CHANNEL: Mapping[str, Callable[[MessageSource, Mapping[str, Any]], list[Finding]]] = {
    "email": _of_email,
    "sms": _of_text,
    "whatsapp": _of_whatsapp,
}


def _length(source: MessageSource, text: str) -> list[Finding]:
    """What it costs: a text for whoever pays by the segment."""
    found, length = [], text_message.as_billed(text)
    if length.segments > 1:
        sentence = (
            f"The text has {length.places} characters with its link and its stop word, which is billed as"
            f" {length.segments} messages: keep it under {70 if length.unicode else 160}."
        )
        found.append(Finding("several_segments", sentence, source.name, blocking=False))
    if length.unicode:
        named = ", ".join(f"{sign} (U+{ord(sign):04X})" for sign in foreign(text_message.arriving(text))[:10])
        sentence = f"These characters make each message end after 70 characters instead of 160: {named}."
        found.append(Finding("unicode", sentence, source.name, blocking=False))
    return found


def _footer(source: MessageSource, rendered: Rendered, context: Mapping[str, Any]) -> list[Finding]:
    if source.purpose != "marketing":
        return []
    found = []
    unsubscribe = (context.get("links") or {}).get("unsubscribe")
    if not unsubscribe or unsubscribe not in rendered.links or unsubscribe not in rendered.text:
        found.append(Finding("no_unsubscribe", "A marketing message needs the link to unsubscribe.", source.name))
    if not str((context.get("shop") or {}).get("address") or "").strip():
        # Not blocking: nothing may stop a shop whose address is still to be fetched, yet it must be seen.
        sentence = "The shop has no postal address in its settings; many countries require one in marketing."
        found.append(Finding("no_address", sentence, source.name, blocking=False))
    return found


def _links(source: MessageSource, links: int, cure: str) -> list[Finding]:
    """``links``: with the one to unsubscribe, which marketing has."""
    if links > (1 if source.purpose == "marketing" else 0):
        return []
    return [Finding("no_links", f"The message leads nowhere: {cure}.", source.name, blocking=False)]


def _without_names(source: MessageSource, context: Mapping[str, Any], fill: Fill) -> list[Finding]:
    person = {**(context.get("person") or {}), **dict.fromkeys(_RARE)}
    try:
        fill(source, {**context, "person": person})
    except ContentProblem as problem:
        return [Finding("missing_fallback", problem.sentence, problem.where)]
    return []


def _without_offers(source: MessageSource, context: Mapping[str, Any], fill: Fill) -> list[Finding]:
    try:
        fill(source, {**context, "shop": {**(context.get("shop") or {}), "offers": {}}})
    except ContentProblem as problem:
        sentence = f"Without an offer in the shop's settings this cannot be sent: {problem.sentence}"
        return [Finding("no_variant_without_offer", sentence, problem.where)]
    return []


def _promotion(source: MessageSource) -> list[Finding]:
    if source.purpose == "transactional" and _OFFER.search("\n".join(source.liquid)):
        sentence = "An offer makes this advertising, which needs consent: take it out, or set purpose: marketing."
        return [Finding("promotion_in_transactional", sentence, source.name)]
    return []


def _for_mailboxes(source: MessageSource, rendered: Rendered) -> list[Finding]:
    found = []
    if not rendered.preview:
        sentence = "Without a preview, mailboxes show the first words of the message beside the subject."
        found.append(Finding("no_preview", sentence, source.name, blocking=False))
    if len(rendered.html.encode()) > CLIPPED_AT:
        sentence = "The message is so long that Gmail cuts it off before the link to unsubscribe."
        found.append(Finding("clipped", sentence, source.name))
    return found
