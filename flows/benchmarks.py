"""Figures that the guides claim, and those that a flow's makers wrote down, to stand beside a shop's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from flows.core.model import FlowVersion

GUIDE = "the guide's claim"
WRITTEN = "written in the flow"
FIRST = "first_"
"""What ``of`` begins with when the figure is that of the flow's first message."""
METRIC = "metric:"
"""What ``of`` begins with when it is a metric of the flow (``flows.analytics.metrics``)."""
_OF: Mapping[str, str] = {
    "open_rate": "open_rate",
    "opens": "open_rate",
    "opens_of_the_first_email": "first_open_rate",
    "click_rate": "click_rate",
    **dict.fromkeys(
        (
            "recovery_rate", "recovered", "reactivation_rate", "reorder_rate", "repeat_purchase_rate", "first_orders",
            "trial_to_paid", "paid_after_a_reminder",
        ),
        "conversion_rate",
    ),
    "codes_used": "metric:codes_used",
    **dict.fromkeys(("review_submission_rate", "reviews"), "metric:reviews_written"),
    **dict.fromkeys(("cross_sell_conversion", "orders_from_recommendations"), "metric:cross_sell"),
    "browse_to_cart": "metric:browse_to_cart",
    "browse_to_purchase": "metric:browse_to_purchase",
}  # fmt: skip
"""A benchmark that a flow has under ``about`` -> the figure here that measures the same."""


@dataclass(frozen=True, slots=True)
class Claim:
    """``of``: the figure here that measures the same (a property of ``flows.analytics.Figures``, behind ``first_`` that
    of the first message, behind ``metric:`` a metric); "" when none does. ``source``: who says so. ``about``: what it
    was claimed of."""

    what: str
    says: str
    of: str
    remark: str
    about: str
    source: str
    row: str = ""


def of_flow(flow: FlowVersion) -> list[Claim]:
    """What is claimed of such a flow: by its own file first, then by the guides."""
    guides = [claim for one in _claims() if _is_of(one, flow) for claim in _read(one)]
    known = {(claim.of, claim.says) for claim in guides}
    return [*(claim for claim in _written(flow) if (claim.of, claim.says) not in known), *guides]


def of_shop() -> list[Claim]:
    """What is claimed of all flows together."""
    return [claim for one in _claims() if one.get("shop") for claim in _read(one)]


def everything() -> list[Claim]:
    """All claims of the guides."""
    return [claim for one in _claims() for claim in _read(one)]


def _is_of(one: Mapping[str, Any], flow: FlowVersion) -> bool:
    if one.get("shop"):
        return False
    if "channels" in one and {message.channel for message in flow.messages.values()} != set(one["channels"]):
        return False
    named, tagged = one.get("flows"), one.get("tags")
    return not (named or tagged) or flow.flow in (named or ()) or bool(set(flow.tags) & set(tagged or ()))


def _read(one: Mapping[str, Any]) -> Iterator[Claim]:
    for claim in one["claims"]:
        remark = claim.get("remark", "")
        yield Claim(claim["what"], claim["says"], claim.get("of", ""), remark, one["about"], GUIDE, one["row"])


def _written(flow: FlowVersion) -> Iterator[Claim]:
    for name, says in flow.definition.get("about", {}).get("benchmarks", {}).items():
        what = name.replace("_", " ")
        yield Claim(what[:1].upper() + what[1:], str(says), _OF.get(name, ""), "", "", WRITTEN)


@lru_cache(maxsize=1)
def _claims() -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = yaml.safe_load(files("flows").joinpath("benchmarks.yaml").read_text("utf-8"))
    return found
