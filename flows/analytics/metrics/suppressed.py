"""How many are left alone in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.analytics.metrics.metric import ENTERED, Metric, Published, Watch, share


def _watches(published: Published, settings: Mapping[str, Any]) -> Sequence[Watch]:
    return [Watch()] if any(step.kind == "suppress" for step in published.flow.steps.values()) else []


_LEFT_ALONE = """
EXISTS (
    SELECT FROM trail WHERE trail.shop_id = :shop_id AND trail.run_id = begun.run_id AND trail.code = 'left_alone'
)"""

SUPPRESSED = Metric(
    name="suppressed",
    title="Suppressed in the end",
    says="Of the times that somebody came into this flow, those that ended with no more marketing being sent to them,"
    " because they answered nothing.",
    of="times",
    counts=share(ENTERED, _LEFT_ALONE, waits="begun.state = 'live'"),
    watches=_watches,
    nobody="Nobody has come into this flow yet.",
)
