"""One message of a flow, sent to staff on purpose: marked as a test, and outside of all that counts messages.

No run, no outbox row, no caps and no gate: whoever sends it has asked for it. Its short links lead where they would,
and what is done with them is not noted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from connector.clock import monotonic
from connector.deps import Deps
from connector.models.flow import flow_versions
from connector.outbox import TEST, idempotency_key
from connector.scope import Scope
from connector.shops import Shop
from flows.channels import CHANNELS
from flows.channels.channel import Channel, Letter, Request, Withheld
from flows.content.source import MessageSource
from flows.engine.book import Book
from flows.engine.letters import Shortener, hosts
from flows.engine.sample_facts import NoSample, sample

# Machine seconds until it is given up that the provider has room for the call, and for the call to begin.
_PATIENCE, _LEAVE_WITHIN = 10.0, 5.0
_NUMBER = re.compile(r"\+?\d{6,15}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True)
class Sent:
    """``segments``: how many messages the provider bills; ``text``: what staff would see of it in the outbox."""

    message_id: str
    segments: int
    text: str


def send_sample(
    deps: Deps,
    shop: Shop,
    *,
    channel: str,
    flow: str,
    message: str,
    to: str,
    person_id: int | None = None,
    written: Mapping[str, MessageSource] | None = None,
) -> Sent:
    """Send this message of the newest version of this flow to ``to``, with the facts of a person or invented ones.

    ``written``: instead of those of the version, the messages by name, of which it is one. Raises NoSample, also when
    the channel does not carry it there, ContentProblem when it cannot be written for them, ProviderError.
    """
    adapter = CHANNELS.get(channel)
    if adapter is None:
        raise NoSample(f"Nothing here sends by {channel}: there are {', '.join(sorted(CHANNELS))}.")
    adapter.prepare(deps, shop)
    with deps.open(shop) as scope:
        sources = sources_of(scope, flow, message) if written is None else written
        if sources[message].channel != channel:
            its = sources[message].channel
            raise NoSample(f"The message {message} is written for {its}, not for {channel}.")
        request = _write(scope, adapter, sources, message, flow, to, person_id)
    account = deps.brevo(shop)
    account.await_turn(adapter.bucket, _PATIENCE)
    message_id = adapter.send(account, request, monotonic() + _LEAVE_WITHIN)
    return Sent(message_id.strip("<> "), adapter.parts(request), adapter.about(request))


def recipient(channel: str, to: str) -> str:
    """What was entered as an address of this channel, in the form in which it is sent to. Raises NoSample."""
    if channel == "email":
        if not _EMAIL.fullmatch(to):
            raise NoSample(f"{to} is no email address.")
        return to
    bare = re.sub(r"[\s().-]", "", to)
    if not _NUMBER.fullmatch(bare):
        raise NoSample(f"{to} is no number with its country's code, such as +4915112345678.")
    return f"+{bare.removeprefix('+').removeprefix('00')}"


def sources_of(scope: Scope, flow: str, message: str) -> Mapping[str, MessageSource]:
    """The messages of the newest version of this flow, of which this is one. Raises NoSample."""
    versions = select(flow_versions.c.version).where(
        flow_versions.c.shop_id == scope.shop_id, flow_versions.c.flow == flow
    )
    version = scope.connection.scalar(versions.order_by(flow_versions.c.version.desc()).limit(1))
    if version is None:
        raise NoSample(f"{scope.shop.domain} has no flow {flow} that was published.")
    sources = Book(scope.connection, scope.shop_id).published(flow, version).sources
    if message not in sources:
        raise NoSample(f"{flow} has no message {message}: it has {', '.join(sorted(sources))}.")
    return sources


def _write(
    scope: Scope,
    channel: Channel,
    written: Mapping[str, MessageSource],
    message: str,
    flow: str,
    to: str,
    person_id: int | None,
) -> Request:
    source, known = sample(scope, written, message, person_id)
    # Another each time, so that the provider takes a second one.
    key = f"{TEST}:{flow}:{source.name}:{scope.machine.isoformat()}"
    context = {**known, "message": {"key": key}}
    shorten = Shortener(scope, key, hosts(scope, source, context))
    url = f"{scope.settings.public_url}/u/{TEST}"
    letter = Letter(
        shop=scope.shop,
        source=source,
        # Of nobody: a test takes nobody off a list.
        context={**context, "links": {"unsubscribe": url, "preferences": url.replace("/u/", "/p/")}},
        recipient=to,
        flow=flow,
        key=key,
        idempotency_key=idempotency_key(key),
        unsubscribe_url=url,
        shorten=shorten,
        test=True,
        known=channel.know(scope, [to]),
    )
    try:
        request = channel.write(letter)
    except Withheld as objection:
        raise NoSample(objection.sentence) from objection
    shorten.keep(None)
    return request
