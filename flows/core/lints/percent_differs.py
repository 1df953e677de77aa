"""A discount that stands in the words of a message, and is another one than its code takes off."""

from __future__ import annotations

from collections.abc import Iterator

from flows.core.lints.lint import Lint, Remark, Subject
from flows.core.steps.coupon import Coupon


def look(subject: Subject) -> Iterator[Remark]:
    flow = subject.flow
    taken: dict[str, set[int]] = {}
    for step in flow.steps.values():
        if isinstance(step.config, Coupon) and "percent" in step.config.terms:
            taken.setdefault(step.config.name, set()).add(step.config.terms["percent"])
    said = set()
    for step in flow.steps.values():
        name = getattr(step.config, "message", "")
        shown = subject.shows(name)
        known = set[int]().union(*(taken.get(one, set()) for one in shown.coupons))
        for percent in sorted(shown.percents - known):
            if name in said or not shown.discount:
                continue
            said.add(name)
            off = f"its code takes off {min(known)} %" if known else "what its code takes off is said elsewhere"
            sentence = f"“{name}” promises {percent} % in its words, and {off}"
            todo = "Write {{ coupon.NAME.percent }} or {{ shop.offers.NAME.percent }} in place of the number"
            yield Remark(subject.where(step.id), sentence, todo)


PERCENT_DIFFERS = Lint("percent_differs", __doc__, look)
