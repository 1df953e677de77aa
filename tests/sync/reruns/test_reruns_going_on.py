"""One run at a time; stopped, failing in part, killed half-way: it ends right and says so."""

from __future__ import annotations

from typing import Any

import pytest

from connector.audit import lines_about
from connector.crashpoints import POINTS
from connector.errors import ActionNeeded, ProviderError, RateLimited, Retry
from connector.models.person import persons
from connector.models.rerun import sync_runs
from connector.models.store import orders, products
from connector.models.sync import sync_state
from connector.scope import Scope
from sync import people
from sync.reruns import What, reading, resume, retry, slices, stop
from tests.engine.installation import ConnectedShop
from tests.engine.shoppers import begin_checkout
from tests.sync.reruns.storefront import (
    BY,
    Storefront,
    ask,
    counts,
    failed,
    finished,
    refused,
    run,
    shown,
    since,
    synced,
)

ANN, BOB, CAT = "ann@reruns.example", "bob@reruns.example", "cat@reruns.example"


def test_two_at_once_are_refused_in_words_and_another_entity_is_not(shop: ConnectedShop) -> None:
    first = ask(shop, since(shop, "orders"))
    with refused(rf"A sync of orders is under way for this shop \(run {first}, asked for by {BY}"):
        ask(shop, since(shop, "orders"))
    ask(shop, since(shop, "products"))
    finished(shop, first)
    assert ask(shop, since(shop, "orders")) > first


def test_a_run_is_stopped_between_two_slices_and_told_in_the_audit_log(
    shop: ConnectedShop, store: Storefront, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "PAGE", 2)
    run_id = ask(shop, since(shop, "products"))
    assert slices.run_due(shop.deps, shop.shop).more
    with shop.scope() as scope:
        assert stop(scope, run_id, by=BY)
        assert not stop(scope, run_id, by=BY)
    found = finished(shop, run_id)
    assert (found.state, found.done) == ("stopped", 2) and (found.total or 0) > 2
    shop.installation.settle("sync", "imports")
    assert len(shop.rows(products)) == 2 and len(shop.account.state()["products"]) >= 2, "what it read is told"
    with shop.deps.engine.connect() as connection:
        assert [one.act for one in lines_about(connection, shop.id, "sync_run", run_id)] == ["sync.stop", "sync.start"]
    assert found.resumable
    with shop.scope() as scope:
        resume(scope, run_id, by=BY)
    ended = finished(shop, run_id)
    assert (ended.state, ended.done, ended.resumable) == ("done", ended.total, False)
    assert len(shop.rows(products)) == ended.total == ended.changed, "it goes on at the third, and reads none twice"
    with refused("Only a sync that was stopped or has failed can go on"), shop.scope() as scope:
        resume(scope, run_id, by=BY)


def test_a_stopped_run_goes_on_only_while_no_other_of_its_kind_does(shop: ConnectedShop) -> None:
    first = ask(shop, since(shop, "products"))
    with shop.scope() as scope:
        stop(scope, first, by=BY)
    finished(shop, first)
    second = ask(shop, since(shop, "products"))
    with refused(rf"under way for this shop \(run {second}"), shop.scope() as scope:
        resume(scope, first, by=BY)
    with pytest.raises(LookupError), shop.scope() as scope:
        resume(scope, second + 1, by=BY)


def test_what_fails_is_kept_with_the_platforms_own_answer_and_the_others_go_on(
    shop: ConnectedShop, store: Storefront
) -> None:
    told = store.buyers(ANN, BOB)
    ids = [one["customer_id"] for one in told.values()]
    shop.account.fault("status", status=400, path="/contacts", method="POST", count=1)
    run_id = ask(shop, What("contact", ids=(*ids, 424242)))
    found = finished(shop, run_id)
    assert (found.state, found.done, found.failed, found.untold) == ("done", 3, 2, 0)
    reasons = {one.stage: one for one in failed(shop, run_id)}
    assert reasons["store"].record_id == 424242 and "no such record" in reasons["store"].reason
    assert reasons["brevo"].record_id in ids and "brevo answered 400" in reasons["brevo"].reason
    assert reasons["brevo"].person_id is not None
    assert len({ANN, BOB} & shop.contacts().keys()) == 1
    with shop.scope() as scope:
        again = retry(scope, run_id, [reasons["brevo"].record_id], by=BY)
    assert counts(finished(shop, again)) == (1, 0, 1, 0)
    assert {ANN, BOB} <= shop.contacts().keys()
    with refused("has failed"), shop.scope() as scope:
        retry(scope, again, by=BY)


def test_a_record_that_cannot_be_applied_takes_no_other_with_it(
    shop: ConnectedShop, store: Storefront, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = store.buyers(ANN, BOB)
    kept = people.identify

    def broken(scope: Scope, **given: Any) -> Any:
        if given["email"] == ANN:
            raise ValueError("what nobody thought of")
        return kept(scope, **given)

    monkeypatch.setattr(people, "identify", broken)
    run_id = ask(shop, What("contact", ids=tuple(one["customer_id"] for one in told.values())))
    assert counts(finished(shop, run_id)) == (2, 1, 0, 1)
    (one,) = failed(shop, run_id)
    assert one.stage == "here" and "what nobody thought of" in one.reason
    assert len(shop.rows(persons)) == 1, "nothing of it is left"


@pytest.mark.parametrize("point", [name for name in POINTS if name.startswith("rerun.")])
def test_a_worker_that_dies_leaves_the_page_to_the_next(
    shop: ConnectedShop, store: Storefront, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    store.buyers(ANN, BOB, CAT)
    monkeypatch.setattr(slices, "PAGE", 2)
    run_id = ask(shop, since(shop, "orders"))
    passes: list[str] = []

    def reach(name: str) -> None:
        passes.append(name)
        if passes.count(point) == 2 and name == point:
            raise KeyboardInterrupt

    monkeypatch.setattr(slices, "reach", reach)
    with pytest.raises(KeyboardInterrupt):
        while slices.run_due(shop.deps, shop.shop).done:
            pass
    assert run(shop, run_id).done == 2
    assert slices.run_due(shop.deps, shop.shop).done == 0, "the lease still stands"
    shop.installation.skip(25)
    assert counts(finished(shop, run_id)) == (3, 3, 0, 0)
    assert len(shop.rows(orders)) == 3


def test_trouble_with_the_store_is_outlived_and_a_refusal_ends_the_run(
    shop: ConnectedShop, store: Storefront, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles: list[ProviderError] = [
        *[RateLimited("shopify", "used up", after=3.0)] * 9, Retry("shopify", "server error", status=502),
    ]  # fmt: skip
    kept = reading.AtStore.page

    def page(source: reading.AtStore, cursor: str | None, size: int) -> reading.Page:
        if troubles:
            raise troubles.pop(0)
        return kept(source, cursor, size)

    monkeypatch.setattr(reading.AtStore, "page", page)
    store.buyers(ANN)
    assert counts(synced(shop, since(shop, "orders"))) == (1, 1, 0, 0)
    troubles.append(ActionNeeded("shopify", "the app lacks a scope", status=403))
    lost = synced(shop, since(shop, "orders"))
    assert (lost.state, lost.reason) == ("failed", "shopify answered 403: the app lacks a scope")


def test_a_person_who_is_no_customer_is_told_to_brevo_again(shop: ConnectedShop) -> None:
    begin_checkout(shop, "guest@reruns.example")
    shop.installation.settle()
    person = shop.one(persons, email="guest@reruns.example")
    sent = shop.one(sync_state, entity="contact", entity_id=person.id)
    found = synced(shop, What("contact", person=person.id))
    assert counts(found) == (1, 0, 1, 0)
    assert shop.one(sync_state, entity="contact", entity_id=person.id).sent_version == sent.sent_version
    assert [one.id for one in shown(shop, What("contact", person=person.id)).records] == [-person.id]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"entity": "orders"}, "Say what to sync"),
        ({"entity": "carts", "object": "1"}, "cannot be synced again"),
        ({"entity": "products", "person": 1}, "belong to nobody"),
        ({"entity": "contact", "person": 99}, "no person 99"),
        ({"entity": "contact", "object": "ann@x.test"}, "names the person"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(shop: ConnectedShop, what: dict[str, Any], words: str) -> None:
    with refused(words):
        ask(shop, What(**what))


def test_a_run_whose_person_was_erased_is_still_told_of_and_does_nothing(shop: ConnectedShop) -> None:
    begin_checkout(shop, "guest@reruns.example")
    shop.installation.settle()
    run_id = ask(shop, What("contact", person=shop.one(persons).id))
    # As an erasure leaves it.
    shop.change(sync_runs, {"what": {}, "person_id": None})
    found = finished(shop, run_id)
    assert (found.state, found.reason) == ("failed", "Whom this was for has been erased.")
    assert found.what.about == "contact of somebody who was erased"
