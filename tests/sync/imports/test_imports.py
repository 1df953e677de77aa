"""Contacts in bulk, on a real database and counted at the simulated provider."""

from __future__ import annotations

from math import ceil

import pytest
from sqlalchemy import text

from connector.models.contact_import import contact_imports
from connector.models.sync import sync_state
from sync import consent, profiles
from sync.imports import contents, gathering, import_due
from tests.engine.installation import ConnectedShop, Installation
from tests.sync.imports.crowd import crowd, deliver_event, imports_of, requests, settle, wish_quietly


def states(shop: ConnectedShop, entity: str = "contact") -> list[tuple[str, int]]:
    return sorted({(row.state, row.sent_version) for row in shop.rows(sync_state, entity=entity)})


def test_many_leave_in_one_import_and_are_known_then(shop: ConnectedShop) -> None:
    people = crowd(shop, 250, state="subscribed")
    wish_quietly(shop, people)
    settle(shop)
    (sent,) = imports_of(shop)
    assert sent["rows"] == 250
    assert not requests(shop, "/contacts")[0]["path"].endswith("/contacts"), "nobody went by a call of their own"
    assert states(shop) == [("done", 1)]
    there = shop.contacts()
    assert len(there) == 250 and not any(one["emailBlacklisted"] for one in there.values())
    one = there["p7@crowd.example"]["attributes"]
    assert (one["FIRSTNAME"], one["EXT_ID"], one["ORDERS_COUNT"]) == ("Zoë7", "100007", 0)
    assert shop.one(contact_imports).state == "done"


def test_who_has_lost_all_tags_leaves_by_a_call_that_can_empty_them(shop: ConnectedShop) -> None:
    people = crowd(shop, 30)
    wish_quietly(shop, people)
    settle(shop)
    assert shop.contacts()["p2@crowd.example"]["attributes"]["SHOPIFY_TAGS"] == "a"
    with shop.deps.open(shop.shop, quiet=True) as scope:
        for person_id in people:
            profiles.update_profile(scope, person_id, {"tags": [], "city": "Paris"})
    settle(shop)
    there = [one["attributes"] for one in shop.contacts().values()]
    assert {one["CITY"] for one in there} == {"Paris"} and not any(one.get("SHOPIFY_TAGS") for one in there)
    (_, again) = imports_of(shop)
    assert again["rows"] == 15, "those who never had any"
    with shop.deps.open(shop.shop, quiet=True) as scope:
        for person_id in people:
            profiles.update_profile(scope, person_id, {"city": "Lyon"})
    settle(shop)
    assert imports_of(shop)[-1]["rows"] == 30, "by then Brevo has been told"


def test_few_leave_by_themselves(shop: ConnectedShop, product: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    object.__setattr__(product.deps.settings, "import_after_seconds", 30.0)
    wish_quietly(shop, crowd(shop, 12))
    settle(shop)
    assert imports_of(shop) == [] and states(shop) == [("done", 1)]
    assert len(shop.contacts()) == 12


def test_imports_are_as_few_as_bodies_allow(shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 60_000
    monkeypatch.setattr(contents, "LARGEST_BODY", limit)
    monkeypatch.setattr(gathering, "SLICE", 100)
    wish_quietly(shop, crowd(shop, 1500))
    settle(shop)
    sent = imports_of(shop)
    assert sum(one["rows"] for one in sent) == 1500 and all(one["bytes"] <= limit for one in sent)
    assert len(sent) <= 1.2 * ceil(sum(one["bytes"] for one in sent) / limit)
    assert len(sent) > 3, "or the limit was none"


def test_who_opted_out_is_blocked_by_an_import_of_their_own_and_on_no_list(shop: ConnectedShop) -> None:
    readers = shop.account.post("/contacts/lists", {"name": "Readers", "folderId": 1}).json()["id"]
    shop.set(lists={"newsletter": readers})
    yes, no, none = (
        crowd(shop, 40, state="subscribed"),
        crowd(shop, 40, first=101, state="unsubscribed"),
        crowd(shop, 40, first=201),
    )
    # One of those who opted out is on a list of the merchant's already.
    shop.account.post("/contacts", {"email": "p101@crowd.example", "listIds": [2, readers]})
    wish_quietly(shop, [*yes, *no, *none])
    settle(shop)
    assert len(imports_of(shop)) == 3
    there = shop.contacts()
    assert [there[f"p{n}@crowd.example"]["emailBlacklisted"] for n in (1, 101, 201)] == [False, True, False]
    assert [there[f"p{n}@crowd.example"]["listIds"] for n in (1, 101, 201)] == [[readers], [], []]
    assert all(not there[f"p{n}@crowd.example"]["listIds"] for n in [*range(101, 141), *range(201, 241)])


def test_lines_that_are_left_out_come_back_to_their_people(shop: ConnectedShop) -> None:
    people = crowd(shop, 60)
    # Somebody else has this one's customer id, and Brevo does not take this one's address.
    shop.account.post("/contacts", {"email": "other@crowd.example", "ext_id": "100003"})
    with shop.deps.engine.begin() as connection:
        connection.execute(
            text("UPDATE persons SET email = 'no..body@crowd.example' WHERE id = :id"), {"id": people[4]}
        )
    wish_quietly(shop, people)
    settle(shop)
    of = {row.entity_id: row for row in shop.rows(sync_state, entity="contact")}
    assert (of[people[4]].state, of[people[4]].sent_version) == ("failed", 0)
    assert "Invalid email address" in of[people[4]].reason
    assert of[people[2]].state == "done" and "other@crowd.example" not in shop.contacts(), "the id moved with its owner"
    assert shop.one(contact_imports).refused == 2
    assert {row.state for one, row in of.items() if one != people[4]} == {"done"}


def order_of_calls(shop: ConnectedShop) -> list[str]:
    """What the provider took, in its order: an import counts when it has been worked off."""
    kinds = {"/v3/contacts": "contact", "/v3/events": "event"}
    said = [(one["answered_at"], kinds[one["path"]]) for one in shop.account.log("request") if one["path"] in kinds]
    said += [(one["real_at"], "import") for one in shop.account.log("import")]
    return [kind for _, kind in sorted(said)]


def test_no_event_leaves_before_the_import_that_brings_its_contact(shop: ConnectedShop) -> None:
    people = crowd(shop, 30)
    shop.account.settings(import_seconds=0.5)
    wish_quietly(shop, people)
    for person_id in people[:5]:
        deliver_event(shop, person_id)
    settle(shop)
    assert order_of_calls(shop) == ["import", *["event"] * 5]
    assert not [one for one in shop.account.log("event") if one.get("contact_id") is None]


@pytest.mark.long
def test_control_who_does_not_wait_tells_of_people_whom_brevo_does_not_have(shop: ConnectedShop) -> None:
    people = crowd(shop, 30)
    shop.account.settings(import_seconds=0.5)
    wish_quietly(shop, people)
    deliver_event(shop, people[0])
    for _ in range(3):
        import_due(shop.deps, shop.shop)
    shop.change(sync_state, {"sent_version": 1}, entity="contact")
    shop.installation.settle("sync")
    assert order_of_calls(shop)[:1] == ["event"]
    settle(shop)


def sent_and_not_ended(shop: ConnectedShop, people: list[int]) -> None:
    """The import has left, and the provider is at it."""
    shop.account.settings(import_seconds=1.0)
    wish_quietly(shop, people)
    while not imports_of(shop):
        import_due(shop.deps, shop.shop)


def opt_out(shop: ConnectedShop, person_id: int) -> None:
    with shop.deps.open(shop.shop) as scope:
        consent.record(scope, person_id, "email", "unsubscribed", source="page", evidence_at=scope.now)


def test_an_opt_out_during_an_import_goes_at_once_and_once_more_after_it(shop: ConnectedShop) -> None:
    readers = shop.account.post("/contacts/lists", {"name": "Readers", "folderId": 1}).json()["id"]
    shop.set(lists={"newsletter": readers})
    people = crowd(shop, 30, state="subscribed")
    sent_and_not_ended(shop, people)
    opt_out(shop, people[0])
    shop.installation.settle("sync")
    assert shop.contacts()["p1@crowd.example"]["emailBlacklisted"], "it waits for no import"
    settle(shop)
    one = shop.contacts()["p1@crowd.example"]
    assert one["emailBlacklisted"] and one["listIds"] == []
    assert shop.contacts()["p2@crowd.example"]["listIds"] == [readers]


def test_a_newer_value_is_not_overwritten_by_an_import_that_was_made_before(shop: ConnectedShop) -> None:
    people = crowd(shop, 30)
    sent_and_not_ended(shop, people)
    with shop.deps.open(shop.shop) as scope:
        profiles.update_profile(scope, people[0], {"city": "Paris"})
    shop.installation.settle("sync")
    settle(shop)
    assert shop.contacts()["p1@crowd.example"]["attributes"]["CITY"] == "Paris"
    assert shop.contacts()["p2@crowd.example"]["attributes"]["CITY"] == "Berlin"
    assert states(shop) == [("done", 1), ("done", 2)]


@pytest.mark.long
def test_control_without_the_second_call_the_import_has_the_last_word(
    shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = crowd(shop, 30)
    sent_and_not_ended(shop, people)
    with shop.deps.open(shop.shop) as scope:
        profiles.update_profile(scope, people[0], {"city": "Paris"})
    shop.installation.settle("sync")
    shop.change(sync_state, {"import_id": None}, entity_id=people[0])
    settle(shop)
    assert shop.contacts()["p1@crowd.example"]["attributes"]["CITY"] == "Berlin"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_hundred_thousand_contacts_take_as_few_imports_as_8_mb_allow(shop: ConnectedShop) -> None:
    people = crowd(shop, 100_000, state="subscribed")
    wish_quietly(shop, people)
    settle(shop)
    sent = imports_of(shop)
    assert sum(one["rows"] for one in sent) == 100_000 and all(one["bytes"] <= 8_000_000 for one in sent)
    assert len(sent) <= 1.2 * ceil(sum(one["bytes"] for one in sent) / 8_000_000)
    assert states(shop) == [("done", 1)]
