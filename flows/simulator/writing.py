"""Messages as they would be written for a person of a simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.content import text_message, whatsapp_message
from flows.content.context import coupons_in, example
from flows.content.problems import ContentProblem
from flows.content.render import render
from flows.content.source import MessageSource, parse
from flows.core.model import Run
from flows.core.steps.coupon import COUPONS
from flows.definition_files import FlowFolder
from flows.simulator.post import Letter


@dataclass(frozen=True)
class Draft:
    """A message, and all that it may name as of the moment it left."""

    source: MessageSource
    context: Mapping[str, Any]

    def finish(self) -> Any:
        """The message as its channel would get it: Rendered of an email, the text of a text, Written of WhatsApp.

        Raises ContentProblem.
        """
        match self.source.channel:
            case "sms":
                return text_message.fill(self.source, self.context, _as_it_is)
            case "whatsapp":
                return whatsapp_message.fill(self.source, self.context, _as_it_is)
            case _:
                return render(self.source, self.context)


@dataclass(frozen=True)
class Writing:
    """``folders``: by flow, with the texts of their messages. ``finishes``: each is finished before the gate is asked,
    so that one that cannot be is held as it would be; else only what it may name is kept."""

    folders: Mapping[str, FlowFolder]
    finishes: bool = False

    def __call__(self, letter: Letter, run: Run | None, facts: Mapping[str, Any], now: datetime) -> Draft:
        """Raises ContentProblem for what cannot be written, and for a code that has ended."""
        flow, message = letter.flow.flow, letter.effect.message
        source = parse(f"{flow}/{message}", self.folders[flow].texts[message])
        draft = Draft(source, _context(run, facts))
        _in_time(draft, now)
        if self.finishes:
            draft.finish()
        return draft


def _context(run: Run | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the message may name. What no simulation knows (products, reviews) is that of the example."""
    known: dict[str, Any] = {**example(), "shop": facts["shop"], "person": facts["person"]}
    known.pop("checkout", None)
    known.pop(COUPONS, None)
    if run is not None:
        known["event"] = run.trigger
        if COUPONS in run.vars:
            known[COUPONS] = run.vars[COUPONS]
    if "checkout" in facts:
        known["checkout"] = dict(facts["checkout"])
    return known


def _in_time(draft: Draft, now: datetime) -> None:
    for name in coupons_in(*draft.source.liquid):
        ends_at = (draft.context.get(COUPONS, {}).get(name) or {}).get("ends_at")
        if ends_at and datetime.fromisoformat(ends_at) <= now:
            raise ContentProblem("coupon_ended", f"The code of “{name}” has ended.", draft.source.name)


def _as_it_is(address: str) -> str:
    return address
