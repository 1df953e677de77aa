"""What staff hand out of somebody is put together by a worker, is the same as a bundle, and does not stay."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ConfigurationError, InvalidInput
from connector.housekeeping import keep_house
from connector.locks import NORMALISE, lock_shop
from connector.models.person import persons
from connector.models.privacy import person_exports, privacy_requests
from connector.secrets import Secrets
from connector.shops import Shop
from sync import merging
from sync.privacy import bundle, exports, work
from tests.engine.installation import ConnectedShop, Installation
from tests.engine.payloads import order
from tests.privacy.crowd import Soul, Store, hits, sign_up

ANN, BEN = Soul(1), Soul(2)


@pytest.fixture
def shop(product: Installation, store: Store) -> ConnectedShop:
    """Ann and Ben, of each of whom several deliveries tell."""
    store.nodes = {f"gid://shopify/Customer/{soul.customer_id}": soul.node() for soul in (ANN, BEN)}
    made = product.connect(flows=[])
    for soul in (ANN, BEN):
        sign_up(made, soul)
        for number in range(3):
            placed = {"customer": soul.embedded(), "note": soul.mark}
            made.deliver("orders/create", order(soul.order_id + number, soul.email, product.now, **placed))
    product.settle("intake", "fetch")
    return made


def ann(shop: ConnectedShop) -> int:
    return int(shop.one(persons, email=ANN.email).id)


def asked(shop: ConnectedShop) -> int:
    """The number of a request for Ann's data that nobody has begun."""
    with shop.deps.open(shop.shop) as scope:
        return exports.ask(scope, ann(shop)).id


def taken(shop: ConnectedShop) -> bundle.Bundle:
    with shop.deps.open(shop.shop) as scope:
        return exports.hand_out(shop.deps, scope, ann(shop))


def test_it_is_a_bundle_made_in_pieces_that_nobody_else_can_read(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.privacy.deliveries.BATCH", 2)
    number = asked(shop)
    assert asked(shop) == number, "one is under way"
    with pytest.raises(InvalidInput, match="still being put together"):
        taken(shop)
    began = one_turn(shop, monkeypatch, turns=3)
    assert began.stage == "gather" and began.scanned > 0 and shop.rows(person_exports)
    shop.installation.settle("privacy")
    with transaction(shop.deps.engine) as connection:
        plain = bundle.export(connection, shop.shop, ann(shop))
    made = taken(shop)
    assert made["deliveries"] == plain["deliveries"] and len(made["deliveries"]) > 4
    requests = {name: made["tables"].pop(name) + plain["tables"].pop(name) for name in ("privacy_requests",)}
    assert made == plain and len(requests["privacy_requests"]) == 2
    (kept,) = shop.rows(person_exports)
    assert kept.part == 0 and hits(kept.sealed, ANN, BEN) == {}
    (request,) = shop.rows(privacy_requests)
    assert (request.state, request.sealed, request.receipt["tables"]["persons"]) == ("done", None, 1)
    # What another shop or another key sealed does not open.
    with shop.deps.open(shop.shop) as scope, pytest.raises(ConfigurationError):
        exports._opened(shop.deps, Shop(**{**vars(scope.shop), "id": 99}), kept.sealed)
    with pytest.raises(ConfigurationError):
        Secrets([_KEY]).decrypt(shop.id, "export", kept.sealed)


_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def one_turn(shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch, turns: int = 1) -> Any:
    """The request after so many turns of one step each."""
    ticks = count(step=0.5)
    with monkeypatch.context() as slow:
        slow.setattr(work, "_TURN", 0.6)
        slow.setattr(work, "monotonic", lambda: next(ticks))
        for _ in range(turns):
            work.carry_out_due(shop.deps, shop.shop)
    (request,) = shop.rows(privacy_requests, kind="export")
    return request


class Died(Exception):
    pass


def test_whoever_dies_is_followed_by_somebody_who_puts_nothing_in_twice(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(shop)

    def die(name: str) -> None:
        raise Died

    with monkeypatch.context() as broken:
        broken.setattr(exports, "reach", die)
        with pytest.raises(Died):
            work.carry_out_due(shop.deps, shop.shop)
    assert shop.rows(person_exports) == []
    shop.installation.skip(61)
    shop.installation.settle("privacy")
    told = [one["id"] for one in taken(shop)["deliveries"]]
    assert len(told) == len(set(told)) > 4


def test_it_goes_with_the_person_with_time_and_when_it_is_made_anew(shop: ConnectedShop) -> None:
    product = shop.installation
    first = asked(shop)
    product.settle("privacy")
    assert asked(shop) != first and shop.rows(person_exports) == []
    product.settle("privacy")
    # For seven days, to the second.
    product.skip(7 * 86400 - 60)
    assert keep_house(shop.deps)["exports"] == 0 and taken(shop)["person_ids"] == [ann(shop)]
    product.skip(61)
    with pytest.raises(InvalidInput, match="once more"):
        taken(shop)
    assert keep_house(shop.deps)["exports"] == 1 and shop.rows(person_exports) == []
    # Erased while one lies ready; and while somebody is at one, who finds out.
    asked(shop)
    product.settle("privacy")
    number, person_id = asked(shop), ann(shop)
    _gather_and_erase(shop, number)
    assert shop.rows(person_exports) == []
    states = {row.id: (row.state, row.sealed) for row in shop.rows(privacy_requests, kind="export")}
    assert states[number] == ("cancelled", None)
    with shop.deps.open(shop.shop) as scope, pytest.raises(InvalidInput, match="erased"):
        exports.ask(scope, person_id)


def _gather_and_erase(shop: ConnectedShop, number: int) -> None:
    """Ann is erased between the claim of a piece and its being written."""
    real = exports._keep

    def keep(connection: Any, deps: Deps, *rest: Any) -> None:
        real(connection, deps, *rest)
        exports._keep = real
        # On another connection, which does not wait for this one: nothing of the request is written yet.
        ANN.redact(shop)
        shop.installation.settle("intake")
        work.carry_out(deps, shop.shop, shop.one(privacy_requests, kind="redact").id)

    exports._keep = keep
    try:
        work.carry_out(shop.deps, shop.shop, number)
    finally:
        exports._keep = real


def test_of_two_who_are_one_it_is_begun_again(shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.privacy.deliveries.BATCH", 2)
    asked(shop)
    one_turn(shop, monkeypatch, turns=4)
    assert shop.rows(person_exports) != []
    ben = int(shop.one(persons, email=BEN.email).id)
    with shop.deps.open(shop.shop) as scope:
        lock_shop(scope, NORMALISE)
        kept = merging.merge(scope, ann(shop), ben, reason="staff")
    assert shop.rows(person_exports) == []
    (request,) = shop.rows(privacy_requests, kind="export")
    assert (request.person_id, request.scanned, request.state) == (kept, 0, "due")
    shop.installation.settle("privacy")
    with shop.deps.open(shop.shop) as scope:
        made = exports.hand_out(shop.deps, scope, kept)
    assert hits(str(made["deliveries"]), ANN) and hits(str(made["deliveries"]), BEN)
