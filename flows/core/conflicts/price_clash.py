"""A discount in one flow and the full price in another, for the same people about the same thing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from flows.core.agreement import of_person, together
from flows.core.conflicts.conflict import Clash, Conflict, Shelf
from flows.core.lints.lint import Subject
from flows.core.lints.missing_exit import ended_by

NEAR = timedelta(days=3)
_LOOKED_AT = frozenset({"browse_abandoned", "category_browsed", "product_viewed_n_times", "product_viewed",
                        "search_without_purchase"})  # fmt: skip
_PUT_ASIDE = frozenset({"checkout_abandoned", "cart_abandoned"})
_INTO_A_CART = frozenset({"added_to_cart", "cart_created", "cart_updated", "checkout_started", "checkout_updated"})


def look(shelf: Shelf) -> Iterator[Clash]:
    for one, other in (*shelf.pairs, *_looked_at_and_put_aside(shelf)):
        for cheap, dear in ((one, other), (other, one)):
            discount, price = _discounts(cheap), _full_prices(dear)
            near = next(((low, high) for low in discount for high in price if abs(low[1] - high[1]) < NEAR), None)
            if near is None or _discounts(dear):
                continue
            sentence = (
                f"“{near[1][0]}” shows full prices while “{near[0][0]}” of “{cheap.flow.flow}” gives the same people a"
                " discount"
            )
            todo = f"Show the same offer in both, name {_tag(cheap)} in not_while_in, or end it in time with exit"
            yield Clash(dear.flow.flow, ("trigger",), sentence, todo, other=cheap.flow.flow)


def _looked_at_and_put_aside(shelf: Shelf) -> Iterator[tuple[Subject, Subject]]:
    """Who has looked at something and then leaves it in a cart is in both, unless the first flow ends there."""
    for one in shelf.subjects:
        for other in shelf.subjects:
            flows = one.flow, other.flow
            if flows[0].trigger.on not in _LOOKED_AT or flows[1].trigger.on not in _PUT_ASIDE:
                continue
            if shelf.apart(*flows) or ended_by(flows[0], _INTO_A_CART | _PUT_ASIDE):
                continue
            if together(flows[0].audience, flows[1].audience, of=of_person):
                yield one, other


def _discounts(subject: Subject) -> list[tuple[str, timedelta]]:
    return [
        (sending.message.name, sending.at)
        for way in subject.plan.ways
        for sending in way.sendings
        if subject.shows(sending.message.name).discount
    ]


def _full_prices(subject: Subject) -> list[tuple[str, timedelta]]:
    return [
        (sending.message.name, sending.at)
        for way in subject.plan.ways
        for sending in way.sendings
        if (shown := subject.shows(sending.message.name)).prices and not shown.discount
    ]


def _tag(subject: Subject) -> str:
    return next((f"“{tag}”" for tag in subject.flow.tags), "a tag of it")


PRICE_CLASH = Conflict("price_clash", __doc__, look)
