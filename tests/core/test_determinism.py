"""The same log is decided in the same way by any process, whatever its machine has for hashes, zones and language."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.core.examples import T0, event
from tests.core.random_flows import random_flow

ROOT = Path(__file__).parents[2]
STORIES, MOVES = 80, 12
MACHINES = (
    {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANG": "C"},
    {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "C.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONUTF8": "1"},
)


def log(seed: int = 5) -> dict[str, Any]:
    """Random flows, people and what happens to them, as plain data."""
    chance = Random(seed)
    return {"stories": [_story(chance, number) for number in range(STORIES)]}


def _story(chance: Random, number: int) -> dict[str, Any]:
    flow = random_flow(chance, f"flow-{number}")
    began = T0 + timedelta(minutes=chance.randrange(400_000))
    about = {"checkout_token": f"tok-{number}", "total": str(chance.choice([10, 20.5, 90])), "after_seconds": 3600}
    trigger = event(flow["trigger"]["on"], began, key=f"tok-{number}", **about)
    return {
        "flow": flow,
        "now": (began + timedelta(minutes=1)).isoformat(),
        "event": trigger.to_json(),
        "facts": {
            "person": {
                "id": 7,
                "seed": f"seed-{number}",
                "orders_count": chance.choice([0, 0, 3]),
                "timezone": chance.choice(["Europe/Paris", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]),
                "country": chance.choice(["US", "IT", None]),
                "first_name": chance.choice(["İlker", None]),
                "consent": {"email": "subscribed"},
                "tags": [],
            },
            "shop": {"timezone": "Europe/Paris", "offers": {}},
            "flows": {"live_tags": []},
        },
        "moves": [
            {
                "minutes": chance.randrange(3_000),
                "outcome": chance.choice(["accepted", "accepted", "skipped", "failed"]),
                "event": _happened(chance, began + timedelta(minutes=place + 2), number),
            }
            for place in range(MOVES)
        ],
    }


def _happened(chance: Random, at: Any, number: int) -> Any:
    name = chance.choice([None] * 12 + ["order_placed", "checkout_started"])
    return None if name is None else event(name, at, key=f"tok-{number}").to_json()


def _decided(folder: Path, given: dict[str, Any], *arguments: str) -> list[list[Any]]:
    """What each machine decides, side by side."""
    file = folder / "log.json"
    file.write_text(json.dumps(given))
    with contextlib.ExitStack() as running:
        processes = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.core.deciding", *arguments],
                    cwd=ROOT,
                    env={**os.environ, "PYTHONPATH": str(ROOT), **machine},
                    stdin=running.enter_context(file.open("rb")),
                    stdout=subprocess.PIPE,
                )
            )
            for machine in MACHINES
        ]
        outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    return [json.loads(output) for output in outputs]


def test_two_machines_decide_the_same_from_one_log(tmp_path: Path) -> None:
    one, other = _decided(tmp_path, log())
    assert one == other
    # It is worth comparing: most of the people enter, and most runs come to wait, write and end.
    entered = [story for story in one if not isinstance(story[0], str)]
    assert len(entered) > STORIES / 2
    codes = {line[0] for story in entered for told in story for line in told[3]}
    assert {"entered", "waiting", "branched", "split", "message_wanted", "finished", "exited"} <= codes


def test_a_decision_by_what_the_machine_believes_is_caught(tmp_path: Path) -> None:
    """The control."""
    given = {"stories": log()["stories"][:20]}
    one, other = _decided(tmp_path, given, "careless")
    assert one != other
