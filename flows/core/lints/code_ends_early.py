"""A discount code that has ended when somebody wants to use it: shown again days later, or good for hours only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from flows.core import durations
from flows.core.lints.lint import Lint, Remark, Subject
from flows.core.steps.coupon import Coupon

SHORTEST = timedelta(days=1)
"""Many read their mail once a day."""


def look(subject: Subject) -> Iterator[Remark]:
    for step in subject.flow.steps.values():
        if isinstance(step.config, Coupon) and step.config.valid is not None and step.config.valid < SHORTEST:
            sentence = f"The code is good for {durations.say(step.config.valid)}: many find it when it has ended"
            yield Remark(subject.where(step.id), sentence, "Make it valid for a day at least")
    said = set()
    for way in subject.plan.ways:
        first: dict[str, timedelta] = {}
        for sending in way.sendings:
            shown = subject.shows(sending.message.name)
            for offer in sorted(shown.offers):
                since = sending.at - first.setdefault(offer, sending.at)
                if since < SHORTEST or offer in shown.asks_how_long or (sending.step, offer) in said:
                    continue
                said.add((sending.step, offer))
                after = durations.say(_whole_hours(since))
                sentence = (
                    f"“{sending.message.name}” shows the {offer} code again after {after}, when it may have ended"
                )
                todo = f"Ask shop.offers.{offer}.expires_days before it is shown"
                yield Remark(subject.where(sending.step), sentence, todo)


def _whole_hours(span: timedelta) -> timedelta:
    return timedelta(hours=span // timedelta(hours=1))


CODE_ENDS_EARLY = Lint("code_ends_early", __doc__, look)
