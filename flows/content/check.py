"""What is wrong with a message, found before anybody gets it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.content.problems import ContentProblem
from flows.content.render import Rendered, render
from flows.content.source import MessageSource

CLIPPED_AT = 102_000
"""Bytes of HTML after which Gmail hides the rest, and with it the unsubscribe link."""

_OFFER = re.compile(r"\bshop\.offers\b|\brender\s+['\"]offer['\"]")
# The two names that are missing for a good part of all subscribers.
_RARE = ("first_name", "last_name")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. ``blocking``: the message cannot be activated as long as it is there."""

    code: str
    sentence: str
    where: str
    blocking: bool = True


def problems(source: MessageSource, example_context: Mapping[str, Any]) -> list[Finding]:
    """Everything that is wrong with ``source`` for a shop like the one in ``example_context``.

    Codes: those of ContentProblem, and ``no_unsubscribe``, ``no_address``, ``no_links``, ``no_preview``,
    ``missing_fallback``, ``promotion_in_transactional``, ``no_variant_without_offer``, ``clipped``.
    """
    try:
        rendered = render(source, example_context)
    except ContentProblem as problem:
        return [Finding(problem.code, problem.sentence, problem.where)]
    return [
        *_footer(source, rendered, example_context),
        *_links(source, rendered),
        *_without_names(source, example_context),
        *_without_offers(source, example_context),
        *_promotion(source),
        *_for_mailboxes(source, rendered),
    ]


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


def _links(source: MessageSource, rendered: Rendered) -> list[Finding]:
    if len(rendered.links) > (1 if source.purpose == "marketing" else 0):
        return []
    return [Finding("no_links", "The message leads nowhere: give it a button.", source.name, blocking=False)]


def _without_names(source: MessageSource, context: Mapping[str, Any]) -> list[Finding]:
    person = {**(context.get("person") or {}), **dict.fromkeys(_RARE)}
    try:
        render(source, {**context, "person": person})
    except ContentProblem as problem:
        return [Finding("missing_fallback", problem.sentence, problem.where)]
    return []


def _without_offers(source: MessageSource, context: Mapping[str, Any]) -> list[Finding]:
    try:
        render(source, {**context, "shop": {**(context.get("shop") or {}), "offers": {}}})
    except ContentProblem as problem:
        sentence = f"Without an offer in the shop's settings this cannot be sent: {problem.sentence}"
        return [Finding("no_variant_without_offer", sentence, problem.where)]
    return []


def _promotion(source: MessageSource) -> list[Finding]:
    if source.purpose == "transactional" and _OFFER.search(f"{source.subject}\n{source.preview}\n{source.body}"):
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
