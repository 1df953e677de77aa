"""The API of the admin is asked for whatever its description allows, and for what it forbids: nothing ends in a fault.

Half of what is asked is about objects of the shop, so that the acts are really done.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from marshmallow import Schema, fields
from schemathesis import GenerationMode

from connector.admin.acts import registry
from connector.admin.acts.act import Act
from connector.admin.api.describing import BASE
from connector.models.api_key import api_keys
from tests.admin.office import APP_KEY, APP_SECRET, Office, furnish
from tests.admin.programs import Program, program
from tests.admin.routes import arguments
from tests.engine.installation import installation
from tests.sandbox.provider_process import Provider
from tests.sandbox.store_process import OTHER_SHOP, SHOP, StoreProcess

# So often at least one way of asking is gone.
_EACH = 5
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def asked(office: Office, asking: Program, most: int) -> Iterator[tuple[str, Any]]:
    """(what was asked, what came back), about so often; the same each time."""
    described = schemathesis.openapi.from_wsgi(f"{BASE}/openapi.json", office.app)
    operations = [found.ok() for found in described.get_all_operations()]
    (desk, *_) = office.desks
    ways = [(operation, mode, known) for operation in operations for mode in MODES for known in (False, True)]
    # What little there is to ask goes to some of them: preparing one costs more than asking. The step meets all modes.
    ways = ways[:: max(1, len(ways) * _EACH // most) | 1]
    for number, (operation, mode, known) in enumerate(ways):
        # As many as are left, evenly: the last way has what the others could not make use of.
        share = max(1, (most * (number + 1)) // len(ways) - (most * number) // len(ways))
        yield from _asked(asking, operation, mode, share, number, _arguments(operation, desk) if known else None)


def _arguments(operation: Any, desk: Any) -> dict[str, Any] | None:
    known = arguments(f"admin.{operation.definition.raw['operationId']}", desk, desk)
    return {one.name: known[one.name] for one in operation.path_parameters} or None


def _asked(
    asking: Program, operation: Any, mode: GenerationMode, share: int, number: int, known: dict[str, Any] | None
) -> Iterator[tuple[str, Any]]:
    answers: list[tuple[str, Any]] = []

    @seed(number)
    @settings(
        max_examples=share, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=known))
    def ask(case: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {asking.key}"}
        answers.append((f"{case.method} {case.formatted_path} {case.query} {case.body!r:.300}", case.call()))

    try:
        ask()
    except Exception as error:
        # Nothing wrong can be made of what takes anything.
        if type(error).__name__ not in ("Unsatisfiable", "SkipTest", "Skipped"):
            raise
    yield from answers


def faults(answers: list[tuple[str, Any]]) -> list[tuple[str, int]]:
    return [(what, answer.status_code) for what, answer in answers if answer.status_code >= 500]


def test_whatever_is_asked_nothing_ends_in_a_fault(office: Office) -> None:
    answers = list(asked(office, program(office, office.desks[0], "owner"), 200))
    # No platform is there, so what asks one says so.
    assert [one for one in faults(answers) if one[1] != 502] == []
    statuses = {answer.status_code for _, answer in answers}
    assert len(answers) >= 120 and {200, 404, 422} <= statuses


@pytest.fixture
def whole(
    database_url: str, redis_url: str, tmp_path: Path, provider: Provider, store: StoreProcess
) -> Iterator[Office]:
    app: dict[str, Any] = {"shopify_api_key": APP_KEY, "shopify_api_secret": APP_SECRET, "admin_api_per_minute": 10**6}
    with installation(database_url, redis_url, tmp_path, provider, store, **app) as made:
        yield Office(made, [furnish(made, SHOP, number=1), furnish(made, OTHER_SHOP, number=2)])


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_nor_in_five_thousand_with_both_platforms_there(whole: Office) -> None:
    desk = whole.desks[0]
    answers = list(asked(whole, program(whole, desk, "owner"), 5600))
    assert len(answers) >= 5000
    assert faults(answers) == []
    assert sum(answer.status_code == 200 for _, answer in answers) > 500
    # It asked for itself only.
    assert {row.shop_id for row in desk.shop.rows(api_keys)} == {desk.shop.id}


class _Number(Schema):
    number = fields.Integer(required=True)


def test_a_fault_is_found(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken control: an act that does not take every number that its description allows."""
    area = ModuleType("things")
    area.ACTS = (  # type: ignore[attr-defined]
        Act("set_mapping", "things", "Fails.", lambda d, s, v, given: {"x": 1 / max(given["number"], 0)}, _Number()),
    )
    monkeypatch.setattr(registry, "AREAS", (area,))
    assert faults(list(asked(office, program(office, office.desks[0], "owner"), 20))) != []
