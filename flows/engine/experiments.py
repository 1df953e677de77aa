"""How the arms of a shop's splits and whole-flow tests stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from flows.core.experiments import HOLD_OUT, Outcome, Standing, WholeFlowTest, outcome
from flows.core.model import FlowVersion
from flows.core.steps.split import Split


@dataclass(frozen=True, slots=True)
class Comparison:
    """``name``: of the split or the test; ``standings``: {arm: how it did}, in the order of the arms."""

    name: str
    standings: Mapping[str, Standing]

    @property
    def outcome(self) -> Outcome:
        return outcome(self.standings)


def of_splits(connection: Connection, shop_id: int, flow: FlowVersion) -> list[Comparison]:
    """How the arms of this flow's splits stand, whichever version put people into them."""
    found = []
    for step in flow.steps.values():
        if isinstance(step.config, Split):
            split = step.config
            given = {"shop_id": shop_id, "flows": [flow.flow], "var": f"split.{split.name}"}
            rows = connection.execute(_OF_SPLIT, given)
            stands = {row.arm: Standing(row.recipients, row.reached) for row in rows}
            found.append(Comparison(split.name, {arm: stands.get(arm, Standing(0, 0)) for arm in split.shares}))
    return found


def of_test(connection: Connection, shop_id: int, test: WholeFlowTest) -> Comparison:
    """How the flows of a test stand, by their arms. An arm without a flow has nobody."""
    flows = {row.arm: row.flow for row in connection.execute(_OF_TEST, {"shop_id": shop_id, "test": test.name})}
    given = {"shop_id": shop_id, "flows": list(flows.values())}
    counts = {row.flow: Standing(row.recipients, row.reached) for row in connection.execute(_OF_FLOWS, given)}
    return Comparison(test.name, {arm: counts.get(flows.get(arm, ""), Standing(0, 0)) for arm in test.shares})


_OF_TEST = text(
    """
SELECT flows.flow, definition #>> '{test,arm}' AS arm
FROM flows JOIN flow_versions AS published
    ON published.shop_id = flows.shop_id AND published.flow = flows.flow AND published.version = flows.version
WHERE flows.shop_id = :shop_id AND definition #>> '{test,name}' = :test AND flows.status <> 'draft'
ORDER BY flows.flow
"""
)
# People, not runs: whoever came twice is one. Somebody to whom nothing was sent was not in the comparison.
_COUNTS = """
    count(DISTINCT runs.person_id) AS recipients,
    count(DISTINCT runs.person_id) FILTER (WHERE goal_watches.reached_at IS NOT NULL) AS reached
FROM runs LEFT JOIN goal_watches ON goal_watches.shop_id = runs.shop_id AND goal_watches.run_id = runs.id
WHERE runs.shop_id = :shop_id AND runs.flow = ANY(CAST(:flows AS text[]))
"""
_SENT = """EXISTS (
    SELECT FROM outbox
    WHERE outbox.shop_id = runs.shop_id AND outbox.run_id = runs.id AND outbox.state = 'sent' AND outbox.message <> ''
)"""
_ARM = "runs.position #>> ARRAY['vars', CAST(:var AS text)]"
_OF_SPLIT = text(
    f"SELECT {_ARM} AS arm, {_COUNTS}"  # noqa: S608
    # Who is held out is there to be sent nothing.
    f" AND {_ARM} IS NOT NULL AND ({_ARM} = '{HOLD_OUT}' OR {_SENT}) GROUP BY 1"
)
_OF_FLOWS = text(f"SELECT runs.flow, {_COUNTS} AND {_SENT} GROUP BY 1")  # noqa: S608
