"""A worker that dies anywhere in an import neither loses nor doubles anybody, counted at the provider."""

from __future__ import annotations

import pytest

from connector import crashpoints
from connector.models.contact_import import contact_imports
from connector.models.sync import sync_state
from sync.imports import import_due, sending
from tests.engine.installation import ConnectedShop
from tests.sandbox.provider_process import wait_until
from tests.sync.imports.crowd import crowd, deliver_event, imports_of, settle, wish_quietly

POINTS = sorted(name for name in crashpoints.POINTS if name.startswith("import."))


class Died(BaseException):
    """In place of the end of the process: nothing of ours catches it."""


class _Order:
    def __init__(self, name: str) -> None:
        self._name = name
        self.died = False

    def passing(self, name: str) -> None:
        if name == self._name and not self.died:
            self.died = True
            raise Died


def die_at(point: str, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work until the worker dies there, once."""
    order = _Order(point)
    monkeypatch.setattr(crashpoints, "_order", order)
    for _ in range(20):
        try:
            while import_due(shop.deps, shop.shop).more:
                pass
        except Died:
            break
        wait_until(lambda: len(shop.account.log("import")) >= len(imports_of(shop)))
        shop.installation.skip(10)
    assert order.died, point


@pytest.mark.parametrize("point", POINTS)
def test_whoever_dies_at_any_point_leaves_all_to_the_next(
    point: str, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = crowd(shop, 40)
    wish_quietly(shop, people)
    deliver_event(shop, people[3])
    die_at(point, shop, monkeypatch)
    shop.installation.skip(sending.LEASES * shop.deps.settings.delivery_lease_seconds + 1)
    settle(shop)
    assert {(row.state, row.sent_version) for row in shop.rows(sync_state, entity="contact")} == {("done", 1)}
    assert len(shop.contacts()) == 40 and len(shop.account.log("event")) == 1
    assert [row.state for row in shop.rows(contact_imports)] == ["done"]
    # Only who died with the answer in hand sends it again.
    assert len(imports_of(shop)) == (2 if point == "import.told" else 1)


def test_control_who_takes_a_lost_answer_for_sent_loses_everybody(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish_quietly(shop, crowd(shop, 40))
    die_at("import.leased", shop, monkeypatch)
    shop.change(contact_imports, {"state": "done"})
    shop.installation.skip(3600)
    shop.installation.settle("imports", "sync")
    assert shop.contacts() == {} and {row.state for row in shop.rows(sync_state)} == {"importing"}
