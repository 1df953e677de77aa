"""What a message to one person is written from: the facts it may name, and the links that lead to our pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from connector import short_links
from connector.db.any_row import AnyRow
from connector.models.short_link import short_links as short_link_rows
from connector.outbox import idempotency_key
from connector.scope import Scope
from connector.unsubscribe import token
from flows.channels.channel import Channel, Letter
from flows.content.context import coupons_in
from flows.content.problems import ContentProblem
from flows.content.source import MessageSource
from flows.core.model import Run
from flows.core.steps.coupon import COUPONS
from flows.engine.people import Person, shop_facts
from flows.engine.sources import Wanted, looks

_ADDRESSES = re.compile(r"https?://[^\s\"'<>{}|\\^`]+", re.IGNORECASE)


class NoAddress(Exception):
    """The person has nothing that this channel could write to."""


class Shortener:
    """The short links of one message. Called with a target it answers the link, or the target itself when that may
    not stand behind a link of ours: a product or a first name may hold an address that nobody here has chosen.
    """

    def __init__(self, scope: Scope, key: str, hosts: Iterable[str]) -> None:
        self._scope = scope
        self._key = key
        self._hosts = frozenset(hosts)
        self._targets: dict[str, str] = {}

    def __call__(self, target: str) -> str:
        if short_links.host_of(target) not in self._hosts:
            return target
        link_id = short_links.code(self._scope.shop.salt, self._key, target)
        short = short_links.address(self._scope.settings.public_url, self._scope.shop_id, link_id)
        if len(short) >= len(target):
            return target
        self._targets[link_id] = target
        return short

    def keep(self, outbox_id: int | None) -> None:
        """Remember where they lead, from the end of the transaction on."""
        for link_id, target in self._targets.items():
            self._scope.write(
                short_link_rows,
                {
                    "shop_id": self._scope.shop_id,
                    "id": link_id,
                    "target": target,
                    "outbox_id": outbox_id,
                    "created_at": self._scope.now,
                },
            )


def letter(
    scope: Scope,
    channel: Channel,
    row: AnyRow,
    wanted: Wanted,
    shown: Mapping[str, Any],
    known: Any,
) -> tuple[Letter, Shortener]:
    """The letter for this outbox row, and its short links. ``shown``: what the sources found for it; ``known``: what
    the channel's ``know`` found. Raises NoAddress, ContentProblem."""
    person, run, source = wanted.person, wanted.run, wanted.source
    address = channel.address(person.row)
    if not address:
        raise NoAddress
    settings = scope.settings
    link = token(settings.secret_keys, scope.shop_id, row["person_id"], row["channel"], row["id"])
    url = f"{settings.public_url}/u/{link}"
    context = {
        "shop": shop_as_shown(scope),
        "event": run.trigger,
        "links": {"unsubscribe": url, "preferences": f"{settings.public_url}/p/{link}"},
        "message": {"key": row["key"]},
        **facts_of(person, run),
        **with_sources(person, source, shown, scope.now),
    }
    if COUPONS in run.vars:
        context[COUPONS] = _coupons(run, source, scope.now)
    shorten = Shortener(scope, row["key"], hosts(scope, source, context))
    written = Letter(
        shop=scope.shop,
        source=source,
        context=context,
        recipient=address,
        flow=row["flow"],
        key=row["key"],
        idempotency_key=idempotency_key(row["key"]),
        unsubscribe_url=url,
        track_opens=person.track_opens,
        shorten=shorten,
        known=known,
    )
    return written, shorten


def shop_as_shown(scope: Scope) -> dict[str, Any]:
    return {**shop_facts(scope), "brand": scope.shop.settings["brand"]}


def facts_of(person: Person, run: Run) -> dict[str, Any]:
    """What is known of them without asking anybody."""
    checkout = person.checkouts.get(run.key)
    return {"person": person.facts(), **({"checkout": checkout} if checkout else {})}


def with_sources(person: Person, source: MessageSource, shown: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What the sources found, as the context has it, and of when the prices are if the store could not be asked."""
    found = {**shown, "person": {**person.facts(), **shown.get("person", {})}}
    old = looks.as_of(shown, now) if looks.shows_prices(source) else None
    return {**found, **({"prices": {"as_of": old}} if old else {})}


def _coupons(run: Run, source: MessageSource, now: datetime) -> Mapping[str, Any]:
    """What the run's coupon steps brought. Raises ContentProblem for a code that the message shows and that has ended:
    it would disappoint whoever tries it."""
    known: Mapping[str, Any] = run.vars[COUPONS]
    for name in coupons_in(*source.liquid):
        ends_at = (known.get(name) or {}).get("ends_at")
        if ends_at and datetime.fromisoformat(ends_at) <= now:
            raise ContentProblem("coupon_ended", f"The code of “{name}” has ended.", source.name)
    return known


def hosts(scope: Scope, source: MessageSource, context: Mapping[str, Any]) -> set[str]:
    """Where links of ours may lead: to us, to the shop, to what the store itself names, and to what the merchant has
    written into the message."""
    shop, checkout = context["shop"], context.get("checkout") or context.get("cart") or {}
    order, tracking = context.get("order") or {}, context.get("tracking") or {}
    named = [
        scope.settings.public_url,
        shop["url"],
        f"https://{shop['domain']}",
        checkout.get("recovery_url"),
        order.get("status_url"),
        tracking.get("url"),
        *(item.get("url") for item in looks.goods_of(context)),
        *(found for text in source.liquid for found in _ADDRESSES.findall(text)),
    ]
    return {host for one in named if one and (host := short_links.host_of(one))}
