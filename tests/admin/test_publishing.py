"""Publishing and going back: by programs, with what they have read, and of flows with many people inside."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from sqlalchemy import delete, text

from connector.db.session import transaction
from connector.models.analytics import step_changes
from connector.models.flow import flow_versions, flows, runs
from flows.analytics import counting, reading
from flows.engine import lifecycle
from tests.admin.office import Desk, Office
from tests.admin.programs import Program, program

MANY = 1200


def moved(flow: str) -> str:
    """The flow, whose wait is called something else than in version 1."""
    return f"""flow: {flow}
name: Greeting
trigger: {{on: newsletter_subscribed}}
steps: [{{email: hello}}, {{wait: 5d, id: pause}}]
"""


def read(program: Program, path: str) -> tuple[dict[str, Any], str]:
    """What is answered there, and its tag."""
    answer = program.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json, answer.headers["ETag"]


def write(program: Program, flow: str, **body: Any) -> None:
    _, tag = read(program, f"drafts/{flow}")
    saved = program.post(f"drafts/{flow}", {"text": moved(flow)}, If_Match=tag)
    assert saved.status_code == 200, saved.text


@pytest.fixture
def desk(office: Office) -> Desk:
    return office.desks[0]


def test_a_program_publishes_what_it_has_read_and_takes_it_back(office: Office, desk: Desk) -> None:
    editor, flow = program(office, desk, "editor"), desk.flow
    write(editor, flow)
    path = f"drafts/{flow}/publish"
    meant, tag = read(editor, path)
    assert (meant["current"], meant["status"], meant["possible"]) == (1, "active", True)
    assert meant["inside"] == [{"version": 1, "step": "wait", "people": 1, "goes_on": None}]
    assert set(meant["steps"]) == {"email-hello", "pause"} and tag.startswith(f'"{meant["seen"]}-')
    assert [one["file"] for one in meant["differences"]] == ["flow.yaml"]
    # The draft alone is not what is looked at: who publishes has to have seen what it means.
    _, of_draft = read(editor, f"drafts/{flow}")
    assert editor.get(path, If_None_Match=tag).status_code == 304
    desk.shop.change(runs, {"state": "done", "outcome": "removed"}, flow=flow)
    left = editor.get(path, If_None_Match=tag)
    assert left.status_code == 200 and left.json["inside"] == [] and left.json["seen"] == meant["seen"]
    desk.shop.change(runs, {"state": "live", "outcome": None}, flow=flow)
    assert editor.post(path, {}, If_Match=of_draft).status_code == 409
    assert editor.post(path, {}).status_code == 422, "of nothing seen"
    nowhere = editor.post(path, {"inside": "move"}, If_Match=tag)
    assert nowhere.status_code == 422 and "wait of version 1" in nowhere.json["detail"]
    move = {"inside": "move", "steps": {"wait": "pause"}, "seen": meant["seen"]}
    done = editor.post(path, move)
    assert done.status_code == 200, done.text
    assert done.json == {"flow": flow, "version": 2, "status": "active", "people": 1}
    assert editor.post(path, move).status_code == 409, "it is published"
    office.installation.settle("flows")
    assert desk.shop.one(runs, flow=flow).version == 2
    # And back, with what the version or its dialog said; whoever comes second is told.
    version = f"flows/{flow}/versions/1"
    (files, of_version), (back, of_dialog) = read(editor, version), read(editor, f"{version}/roll-back")
    assert files["seen"] == back["seen"] and of_version != of_dialog and "wait: 3d" in files["files"]["flow.yaml"]
    assert back["current"] == 2 and back["inside"][0]["step"] == "pause"
    taken = editor.post(f"{version}/roll-back", {"inside": "exit"}, If_Match=of_version)
    assert taken.status_code == 200, taken.text
    assert (taken.json["version"], taken.json["people"]) == (3, 1)
    assert editor.post(f"{version}/roll-back", {}, If_Match=of_version).status_code == 409
    assert desk.shop.one(flows, flow=flow).version == 3 and len(desk.shop.rows(flow_versions, flow=flow)) == 3
    # Reading takes no more than the least role, and leaves no line.
    lines = len(office.lines(desk.shop.id))
    reader = program(office, desk, "read-only")
    assert read(reader, f"{version}/roll-back")[0]["current"] == 3
    assert reader.post(f"{version}/roll-back", {}, If_Match=of_version).status_code == 403
    assert reader.get("drafts/nothing/publish").status_code == 404
    assert reader.get(f"flows/{flow}/versions/9/roll-back").status_code == 404
    assert len(office.lines(desk.shop.id)) == lines + 1, "the key of the reader"


def test_everybody_inside_is_counted_and_can_be_moved(office: Office, desk: Desk) -> None:
    """More than are looked at one by one; the few on a step that is no more are found behind the many on another."""
    with office.transaction() as connection:
        crowd(connection, desk)
    owner = office.browser(office.hire("editor"))
    write(program(office, desk, "editor"), desk.flow)
    path = f"{desk.path}/drafts/{desk.flow}/publish"
    page = owner.get(path).text
    shown = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
    assert f"{MANY:,} of the people inside the same step" in shown
    assert "1 of the people inside there is no such step" in shown
    assert f'href="{desk.path}/flows/{desk.flow}/people"' in page and 'name="to wait"' in page
    (seen,) = re.findall(r'name="seen" value="(\w+)"', page)
    there: dict[str, Any] = {"to wait": "pause"}
    assert owner.post(path, seen=seen, inside="move", **there).status_code == 303
    assert desk.shop.one(flows, flow=desk.flow).version == 2


def crowd(connection: Any, desk: Desk) -> None:
    """Many more on the first step of the flow."""
    columns = "shop_id, id, flow, version, person_id, key, state, position, entered_at, anchor_at"
    taken = "shop_id, gen_random_uuid(), flow, version, 100000 + n, key, state, {}, entered_at, anchor_at"
    first = "jsonb_set(position, '{at}', '\"email-hello\"')"
    query = f"INSERT INTO runs ({columns}) SELECT {taken.format(first)} FROM runs, generate_series(1, :many) AS n"
    connection.execute(
        text(f"{query} WHERE shop_id = :shop AND flow = :flow"),
        {"many": MANY, "shop": desk.shop.id, "flow": desk.flow},
    )


def test_who_is_inside_is_the_same_before_and_after_it_is_added_up(office: Office, desk: Desk) -> None:
    def counted() -> list[tuple[int, str, int]]:
        with transaction(office.installation.deps.engine) as connection:
            return reading.inside_now(connection, desk.shop.id, desk.flow)

    with office.transaction() as connection:
        crowd(connection, desk)
        exact = [(one.version, one.step, one.people) for one in lifecycle.inside(connection, desk.shop.id, desk.flow)]
    assert counted() == exact == [(1, "email-hello", MANY), (1, "wait", 1)]
    with office.installation.deps.open(desk.shop.shop) as scope:
        counting.fold(scope)
    assert desk.shop.rows(step_changes) == [] and counted() == exact
    with office.transaction() as connection:
        connection.execute(delete(runs).where(runs.c.shop_id == desk.shop.id, runs.c.version == 1))
    assert counted() == [], "who has left is inside no more, though that is not added up yet"
    with transaction(office.installation.deps.engine) as connection:
        # The control: the sums alone would still say so.
        alone = reading.by_step(connection, desk.shop.shop, desk.flow)
    assert sum(one.inside for one in alone) == MANY + 1
