"""The benchmark of due steps: people wait inside flows as the product would have put them there, and a baseline writes
the same rows as the product."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text

from benchmarks import due_steps_bare
from benchmarks.due_steps_crowd import START, buys, gather, left_due, make_due
from benchmarks.own_servers import add_shop
from connector.db.session import transaction
from connector.models.flow import decisions, goal_watches, runs, timers, trail
from connector.models.outbox import outbox
from flows.engine.decide import decide_due
from tests.engine.installation import HOUR, Installation, installation

WRITTEN = (trail, decisions, outbox)


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Installation:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made  # type: ignore[misc]


def test_the_crowd_waits_as_the_product_would_have_it_and_the_baseline_writes_what_it_writes(
    product: Installation,
) -> None:
    engine = product.deps.engine
    product.at(START)
    with transaction(engine) as connection:
        shop = add_shop(connection, START, country="US")
    crowd = gather(engine, shop, 12, START, tidy=False)

    def turn(*persons: int) -> dict[int, dict[str, int]]:
        with transaction(engine) as connection:
            make_due(connection, crowd, persons, START, START)
        return {person: counts(person) for person in persons}

    def counts(person: int) -> dict[str, int]:
        with engine.connect() as connection:
            return {
                table.name: len(connection.execute(select(table.c.shop_id).where(table.c.person_id == person)).all())
                for table in WRITTEN
            }

    product.at(START + HOUR)
    turn(1, 2)
    assert decide_due(product.deps, shop).done == 2
    ours = {person: counts(person) for person in (1, 2)}
    # One waits again after a split, the other's email is wanted, and the gate was asked.
    assert ours[1]["outbox"] == 0 and ours[2]["outbox"] == 1
    with engine.connect() as connection:
        positions = {row.person_id: row.position for row in connection.execute(select(runs))}
        waits = {row.person_id: row.due_at for row in connection.execute(select(timers))}
        patterns = due_steps_bare.patterns(connection, shop.id, {"bench-news": 1, "bench-cart": 2})
        assert left_due(connection, crowd, product.now) == 0
    assert positions[1]["visit"] > positions[3]["visit"] and positions[2]["at"] == "email-second-look"
    assert waits[1] > product.now and 2 not in waits

    turn(3, 4)
    written = {flow: due_steps_bare.Written(one) for flow, one in patterns.items()}
    with psycopg.connect(product.deps.settings.database_url.replace("+psycopg", "", 1)) as raw:
        assert due_steps_bare.batch(raw, shop.id, product.now, written) == 2
    assert {3: counts(3), 4: counts(4)} == {3: ours[1], 4: ours[2]}

    with transaction(engine) as connection:
        buys(connection, crowd, [5, 6], product.now)
    assert decide_due(product.deps, shop).done == 2
    with engine.connect() as connection:
        ended = connection.execute(select(runs.c.state, runs.c.outcome).where(runs.c.person_id.in_([5, 6]))).all()
        reached = connection.scalars(select(goal_watches.c.person_id).where(goal_watches.c.reached_at.isnot(None)))
        assert set(ended) == {("done", "goal")} and set(reached) == {5, 6}
        assert connection.scalar(text("SELECT count(*) FROM timers WHERE person_id IN (5, 6)")) == 0
