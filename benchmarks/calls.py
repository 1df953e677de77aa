"""How few calls bring contacts to Brevo, counted in the provider's log.

``imports``: people in one state of consent whom Brevo does not have, beside the least that bodies of 8 MB allow.
``changes``: each of 200 people whom Brevo knows changes five times within half a second, all within ten seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil
from typing import Any

from sqlalchemy import text

from benchmarks import crowd, known
from benchmarks.backlog import UNBOUND
from benchmarks.known import Change
from benchmarks.progress import say
from benchmarks.stage import Stage, account_of, wait_for
from connector.brevo.import_calls import LARGEST_BODY
from connector.db.session import transaction
from connector.shops import load

AIM_RATIO, AIM_CALLS = 1.2, 210
KNOWN, CHANGES, SPAN, BURST = 200, 5, 10.0, 0.5
_PATIENCE = 900.0
# Where limits do not bind, single calls would end sooner.
_BY_IMPORT = {"IMPORT_AFTER_SECONDS": "0"}
_NOT_TOLD = text("SELECT count(*) FROM sync_state WHERE entity = 'contact' AND state <> 'done'")


def run(people: int) -> dict[str, Any]:
    """Calls for ``people`` in bulk and for a thousand changes, on a stage whose limits never bind."""
    with Stage(shops=1, customers=KNOWN, wire_rate=UNBOUND, settings=_BY_IMPORT) as stage:
        changes = _changes(stage)
        imports = _imports(stage, people)
    say(f"  {imports['calls']} imports for {people} people, {changes['contact_calls']} calls for {changes['changes']}")
    met = imports["ratio"] <= AIM_RATIO and changes["contact_calls"] <= AIM_CALLS and changes["wrong"] == 0
    aim = {"ratio": AIM_RATIO, "contact_calls": AIM_CALLS}
    return {"imports": imports, "changes": changes, "aim": aim, "met": met}


def _changes(stage: Stage) -> dict[str, Any]:
    (shop,), (domain,) = stage.shoppers(), stage.domains
    emails = known.introduce(stage, shop, KNOWN)
    before, log = _contact_calls(stage, 0)
    made = known.change(
        stage,
        domain,
        [
            Change(number * (SPAN - BURST) / KNOWN + one * BURST / CHANGES, email, f"Ada {one}")
            for number, email in enumerate(emails)
            for one in range(CHANGES)
        ],
    )
    known.settled(stage)
    calls, _ = _contact_calls(stage, log)
    longest = max(max(at) - min(at) for email in emails if (at := [made[one] for one in made if one[0] == email]))
    there = {one["email"]: one["attributes"] for one in _contacts(stage)}
    return {
        "people": KNOWN,
        "changes": len(made),
        "longest_burst_seconds": round(longest, 2),
        "contact_calls": calls,
        "least": KNOWN,
        "calls_before": before,
        "wrong": sum(there[email].get("FIRSTNAME") != f"Ada {CHANGES - 1}" for email in emails),
    }


def _imports(stage: Stage, people: int) -> dict[str, Any]:
    (shop_id,) = stage.shop_ids.values()
    _, log = stage.requests_since(0)
    with transaction(stage.deps.engine) as connection:
        ids = crowd.add(connection, shop_id, people, datetime.now(UTC), state="subscribed")
        shop = load(connection, shop_id)
    crowd.wish_quietly(stage.deps, shop, ids)

    def told() -> bool:
        with transaction(stage.deps.engine) as connection:
            return not connection.scalar(_NOT_TOLD)

    if not wait_for(told, _PATIENCE, 0.5):
        raise RuntimeError("the imports do not end")
    calls, _ = stage.requests_since(log)
    sent = [one["remark"]["import"] for one in calls if one["path"].endswith("/contacts/import") and one["accepted"]]
    size = sum(one["bytes"] for one in sent)
    least = ceil(size / LARGEST_BODY)
    return {
        "people": sum(one["rows"] for one in sent),
        "bytes": size,
        "calls": len(sent),
        "least": least,
        "ratio": round(len(sent) / least, 2),
        "all_calls": len(calls),
    }


def _contact_calls(stage: Stage, since: int) -> tuple[int, int]:
    entries, log = stage.requests_since(since)
    return sum(one["path"].startswith("/v3/contacts") for one in entries), log


def _contacts(stage: Stage) -> list[dict[str, Any]]:
    key = account_of(stage.domains[0])
    return list(stage.provider(f"state?account={key}")["accounts"][key]["contacts"])
