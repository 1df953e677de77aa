"""Whom a message is tried on: somebody invented, for whom it is written, in the flow that it is of."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import Any

from flows.content.example import example
from flows.content.example_event import told_by
from flows.content.source import MessageSource
from flows.content.variants import of_file
from flows.core.facts import lookup
from flows.core.model import FlowVersion
from flows.core.steps.coupon import COUPONS, Coupon


def reader_of(
    source: MessageSource,
    locale: str | None = None,
    context: Mapping[str, Any] | None = None,
    flow: FlowVersion | None = None,
) -> dict[str, Any]:
    """A context (that of the example) whose person is one that this message or variant is for: of its language, or of
    ``locale``, and in its segment. ``flow``: its event and its codes are as the flow has them."""
    known = dict(context or example())
    segment = of_file(source.name).segment
    segments = [*known["person"].get("segments", ()), *([segment] if segment else [])]
    known["person"] = {**known["person"], "locale": locale or source.locale, "segments": segments}
    if flow is not None:
        known["event"] = {**known["event"], **told_by(flow.trigger.on)}
        # Of its own class: it has an example of a code under any name.
        known[COUPONS] = copy(known[COUPONS])
        for step in flow.steps.values():
            if isinstance(step.config, Coupon):
                known[COUPONS][step.config.name] = _made(step.config, known)
    return known


def _made(coupon: Coupon, known: Mapping[str, Any]) -> dict[str, Any]:
    """The code that the flow would make, in the terms of its step or of the shop's settings."""
    usual = known[COUPONS][coupon.name]
    code = usual["code"].rpartition("-")[2]
    terms = {
        name: coupon.terms[name] for name in ("percent", "amount", "minimum") if coupon.terms.get(name) is not None
    }
    if coupon.percent_of:
        set_there = lookup(known, coupon.percent_of)
        terms["percent"] = set_there if isinstance(set_there, int) else usual["percent"]
    made = {"code": f"{coupon.prefix}-{code}" if coupon.prefix else usual["code"], "ends_at": usual["ends_at"]}
    if coupon.valid:
        made["ends_at"] = (datetime.fromisoformat(known["event"]["occurred_at"]) + coupon.valid).isoformat()
    return made | (terms or {"percent": usual["percent"]})
