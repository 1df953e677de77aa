"""One message of a flow, sent to staff on purpose: marked as a test, and outside of all that counts messages.

No run, no outbox row, no caps and no gate: whoever sends it has asked for it. Its short links lead where they would,
and what is done with them is not noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from connector.clock import monotonic
from connector.deps import Deps
from connector.errors import ConnectorError
from connector.models.flow import flow_versions
from connector.outbox import TEST, idempotency_key
from connector.scope import Scope
from connector.shops import Shop
from flows.channels import CHANNELS
from flows.channels.channel import Channel, Letter, Request, Withheld
from flows.content.context import example
from flows.content.source import MessageSource
from flows.engine.book import Book
from flows.engine.letters import Shortener, hosts
from flows.engine.people import load, shop_facts

# Machine seconds until it is given up that the provider has room for the call, and for the call to begin.
_PATIENCE, _LEAVE_WITHIN = 10.0, 5.0


class NoSample(ConnectorError):
    """What was asked for is not there."""


@dataclass(frozen=True)
class Sent:
    """``segments``: how many messages the provider bills; ``text``: what staff would see of it in the outbox."""

    message_id: str
    segments: int
    text: str


def send_sample(
    deps: Deps, shop: Shop, *, channel: str, flow: str, message: str, to: str, person_id: int | None = None
) -> Sent:
    """Send this message of the newest version of this flow to ``to``, with the facts of a person or invented ones.

    Raises NoSample, also when the channel does not carry it there, ContentProblem when it cannot be written for them,
    ProviderError.
    """
    adapter = CHANNELS.get(channel)
    if adapter is None:
        raise NoSample(f"Nothing here sends by {channel}: there are {', '.join(sorted(CHANNELS))}.")
    adapter.prepare(deps, shop)
    with deps.open(shop) as scope:
        request = _write(scope, adapter, _source(scope, channel, flow, message), flow, to, person_id)
    account = deps.brevo(shop)
    account.await_turn(adapter.bucket, _PATIENCE)
    message_id = adapter.send(account, request, monotonic() + _LEAVE_WITHIN)
    return Sent(message_id.strip("<> "), adapter.parts(request), adapter.about(request))


def _source(scope: Scope, channel: str, flow: str, message: str) -> MessageSource:
    versions = select(flow_versions.c.version).where(
        flow_versions.c.shop_id == scope.shop_id, flow_versions.c.flow == flow
    )
    version = scope.connection.scalar(versions.order_by(flow_versions.c.version.desc()).limit(1))
    if version is None:
        raise NoSample(f"{scope.shop.domain} has no flow {flow}: see `connector flow list {scope.shop.domain}`.")
    sources = Book(scope.connection, scope.shop_id).published(flow, version).sources
    if message not in sources:
        raise NoSample(f"{flow} has no message {message}: it has {', '.join(sorted(sources))}.")
    if sources[message].channel != channel:
        raise NoSample(f"The message {message} is written for {sources[message].channel}, not for {channel}.")
    return sources[message]


def _write(scope: Scope, channel: Channel, source: MessageSource, flow: str, to: str, person_id: int | None) -> Request:
    # Another each time, so that the provider takes a second one.
    key = f"{TEST}:{flow}:{source.name}:{scope.machine.isoformat()}"
    context = {**example(), **_facts(scope, person_id), "shop": shop_facts(scope), "message": {"key": key}}
    shorten = Shortener(scope, key, hosts(scope, source, context))
    url = f"{scope.settings.public_url}/u/{TEST}"
    letter = Letter(
        shop=scope.shop,
        source=source,
        # Of nobody: a test takes nobody off a list.
        context={**context, "links": {"unsubscribe": url}},
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


def _facts(scope: Scope, person_id: int | None) -> Mapping[str, Any]:
    """What is known of this person, and the newest checkout of a flow that they are in."""
    if person_id is None:
        return {}
    found = load(scope, [person_id]).get(person_id)
    if found is None or found.row["erased_at"] is not None:
        raise NoSample(f"There is no person {person_id} at {scope.shop.domain}.")
    known: dict[str, Any] = {"person": found.facts()}
    for run in sorted(found.live.values(), key=lambda run: run.entered_at):
        known["event"] = run.trigger
        if run.key in found.checkouts:
            known["checkout"] = found.checkouts[run.key]
    return known
