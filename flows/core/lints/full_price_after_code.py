"""Prices without the code that the person was given: a discount in one message, the full price in the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from flows.core.lints.lint import Lint, Remark, Subject
from flows.core.steps.coupon import Coupon

OFFER_LASTS = timedelta(days=7)
"""Where only the shop's settings say how long a code is good."""


def look(subject: Subject) -> Iterator[Remark]:
    lasts = _lasts(subject)
    said = set()
    for way in subject.plan.ways:
        given: list[tuple[str, timedelta]] = []
        for sending in way.sendings:
            name = sending.message.name
            shown = subject.shows(name)
            given += [(name, sending.at + lasts.get(one, OFFER_LASTS)) for one in (*shown.offers, *shown.coupons)]
            before = next((message for message, until in given if sending.at < until), None)
            if before is None or not shown.prices or shown.discount or sending.step in said:
                continue
            said.add(sending.step)
            sentence = f"“{name}” shows full prices to people who have just got a code with “{before}”"
            yield Remark(subject.where(sending.step), sentence, "Show the code there as well")


def _lasts(subject: Subject) -> Mapping[str, timedelta]:
    """How long the coupons of the flow are good."""
    made = (step.config for step in subject.flow.steps.values() if isinstance(step.config, Coupon))
    return {coupon.name: coupon.valid for coupon in made if coupon.valid is not None}


FULL_PRICE_AFTER_CODE = Lint("full_price_after_code", __doc__, look)
