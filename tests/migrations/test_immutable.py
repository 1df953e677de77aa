"""What the database itself refuses: rewriting a published flow version or a line of a ledger."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, delete, insert, text, update
from sqlalchemy.exc import DBAPIError

from connector import audit
from connector.db.schema import metadata

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

ROWS = {
    "flow_versions": {
        "flow": "welcome", "version": 1, "definition": {}, "messages": {}, "digest": "d", "published_at": NOW,
    },
    "consent_ledger": {
        "person_id": 1, "channel": "email", "state": "subscribed", "source": "shopify", "evidence_at": NOW,
        "recorded_at": NOW, "verdict": "applied",
    },
    "decisions": {"person_id": 1, "at": NOW, "ordinal": 0, "stimulus": {}, "facts": {}},
    "trail": {"person_id": 1, "at": NOW, "code": "entered", "detail": {}},
    "audit_log": {
        "at": NOW, "actor": "cli", "act": "sync.start", "object_kind": "sync", "object_id": "1", "detail": {},
    },
    "person_merges": {"person_id": 1, "gone_id": 2, "reason": "staff", "at": NOW, "moved": {}},
    # No ledger: the control.
    "flows": {"flow": "welcome", "status": "active", "mode": "native", "version": 1},
}  # fmt: skip
REFUSED = {
    "flow_versions": "never changes",
    "consent_ledger": "append-only",
    "decisions": "append-only",
    "trail": "append-only",
    "audit_log": "append-only",
    "person_merges": "append-only",
}

# Kept as long as the shop is there.
OF_THE_SHOP = frozenset({"audit_log", "flow_versions"})


def put(connection: Connection, name: str) -> None:
    connection.execute(insert(metadata.tables[name]).values(shop_id=1, **ROWS[name]))


@pytest.mark.parametrize("name", REFUSED)
def test_what_was_written_stays_as_it_was_written(connection: Connection, name: str) -> None:
    put(connection, name)
    with pytest.raises(DBAPIError, match=REFUSED[name]), connection.begin_nested():
        # Even to the same value.
        connection.execute(update(metadata.tables[name]).values(shop_id=1))


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in OF_THE_SHOP])
def test_erasure_may_delete_it(connection: Connection, name: str) -> None:
    put(connection, name)
    assert connection.execute(delete(metadata.tables[name])).rowcount == 1


def test_only_the_erasure_of_its_shop_takes_a_published_version(connection: Connection) -> None:
    put(connection, "flow_versions")
    statement = delete(metadata.tables["flow_versions"])
    with pytest.raises(DBAPIError, match="until its shop is erased"), connection.begin_nested():
        connection.execute(statement)
    audit.name_erased_shop(connection, 2)
    with pytest.raises(DBAPIError, match="until its shop is erased"), connection.begin_nested():
        connection.execute(statement)
    audit.name_erased_shop(connection, 1)
    assert connection.execute(statement).rowcount == 1


def test_only_the_erasure_of_its_shop_takes_a_line_of_the_audit_log(connection: Connection) -> None:
    put(connection, "audit_log")
    with pytest.raises(DBAPIError, match="until its shop is erased"), connection.begin_nested():
        connection.execute(delete(metadata.tables["audit_log"]))
    assert audit.erase(connection, 2) == 0
    # Erasing another shop does not open this one's lines.
    with pytest.raises(DBAPIError, match="until its shop is erased"), connection.begin_nested():
        connection.execute(delete(metadata.tables["audit_log"]))
    assert audit.erase(connection, 1) == 1


def test_other_tables_may_be_updated(connection: Connection) -> None:
    put(connection, "flows")
    assert connection.execute(update(metadata.tables["flows"]).values(status="paused")).rowcount == 1


def test_these_are_all_the_tables_that_refuse(connection: Connection) -> None:
    triggers = connection.execute(
        # Those that come before the change: what is counted after one refuses nothing.
        text(
            "SELECT tgrelid::regclass::text AS name, tgtype FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgtype & 2 <> 0"
        )
    ).all()
    assert {row.name for row in triggers} == set(REFUSED)
    assert {name for name in REFUSED if [row.name for row in triggers].count(name) == 2} == OF_THE_SHOP
    assert set(REFUSED) == {name for name in ROWS if name != "flows"}


def test_one_live_run_per_flow_person_and_key(connection: Connection) -> None:
    run = {
        "shop_id": 1, "flow": "welcome", "version": 1, "person_id": 1, "key": "", "state": "live", "position": {},
        "entered_at": NOW, "anchor_at": NOW,
    }  # fmt: skip
    runs = metadata.tables["runs"]
    ids = [f"00000000-0000-0000-0000-00000000000{n}" for n in range(3)]
    connection.execute(insert(runs).values(id=ids[0], **run))
    with pytest.raises(DBAPIError, match="uq_runs_live"), connection.begin_nested():
        connection.execute(insert(runs).values(id=ids[1], **run))
    connection.execute(update(runs).values(state="done"))
    connection.execute(insert(runs).values(id=ids[2], **run))


def test_the_message_of_a_refusal_names_the_table(connection: Connection) -> None:
    put(connection, "trail")
    with pytest.raises(DBAPIError) as refusal:
        connection.execute(update(metadata.tables["trail"]).values(code="other"))
    assert re.search(r"\btrail is append-only", str(refusal.value))
