"""The same again changes nothing, and a preview says beforehand what a run would change."""

from __future__ import annotations

from connector.models.person import persons
from connector.models.store import orders
from sync.reruns import STATEMENT, What
from tests.engine.installation import ConnectedShop
from tests.sync.reruns.storefront import Storefront, contents, shown, since, synced

ANN, BOB, CAT = "ann@reruns.example", "bob@reruns.example", "cat@reruns.example"


def test_the_same_again_changes_nothing_and_brevo_is_told_once_more(shop: ConnectedShop, store: Storefront) -> None:
    store.buyers(ANN, BOB)
    for entity in ("contact", "orders", "products"):
        synced(shop, since(shop, entity))
    before, contacts = contents(shop.installation), shop.contacts()
    calls = len(shop.account.log("request"))
    for entity in ("contact", "orders", "products"):
        again = synced(shop, since(shop, entity))
        assert (again.state, again.changed, again.failed) == ("done", 0, 0) and again.unchanged == again.done > 0
        preview = shown(shop, since(shop, entity))
        assert [one.differences for one in preview.records] == [()] * len(preview.records)
    assert contents(shop.installation) == before and shop.contacts() == contacts
    assert len(shop.account.log("request")) > calls, "Brevo was told again"


def test_a_preview_shows_field_by_field_what_a_run_then_does_and_writes_nothing(
    shop: ConnectedShop, store: Storefront
) -> None:
    customer = store.act("create_customer", email=ANN, first_name="Ann")["customer_id"]
    synced(shop, What("contact", object=str(customer)))
    person = shop.one(persons, email=ANN).id
    shop.change(persons, {"first_name": "Wrong"}, id=person)
    shop.account.put(f"/contacts/{ANN}", {"attributes": {"LASTNAME": "Else"}})
    before, calls = contents(shop.installation), len(shop.account.log("request"))
    store.act("set_consent", email=ANN, state="subscribed", opt_in_level="single_opt_in")
    preview = shown(shop, What("contact", person=person))
    assert preview.statement == STATEMENT and (preview.total, preview.exact, preview.problems) == (1, True, ())
    (record,) = preview.records
    assert (record.id, record.person_id, record.new, record.at_brevo) == (customer, person, False, "there")
    told = {one.field: (one.ours, one.store, one.brevo, one.sent, one.writes) for one in record.differences}
    assert told["first_name"] == ("Wrong", "Ann", "Ann", "Ann", ("here",))
    assert told["consent.email.state"][1:] == ("subscribed", False, None, ("here",))
    assert contents(shop.installation) == before
    writing = [one for one in shop.account.log("request")[calls:] if one["method"] != "GET"]
    assert writing == [], "Brevo was only asked"
    synced(shop, What("contact", person=person))
    assert shop.one(persons, id=person).first_name == "Ann"


def test_a_preview_of_what_is_not_here_yet_and_of_a_range(shop: ConnectedShop, store: Storefront) -> None:
    told = store.buyers(ANN, BOB, CAT)
    preview = shown(shop, since(shop, "orders"), most=2)
    assert (preview.total, preview.exact, len(preview.records), preview.more) == (3, True, 2, 1)
    assert all(one.new and one.at_brevo == "not asked" and one.untold is None for one in preview.records)
    assert {one.field for one in preview.records[0].differences} >= {"name", "total", "financial_status", "items"}
    assert shop.rows(orders) == [] and shop.rows(persons) == []
    gone = shown(shop, What("orders", object="999999999999"))
    assert gone.records[0].problem and "no such record" in gone.records[0].problem
    name = store.orders[0]["name"]
    assert [one.id for one in shown(shop, What("orders", object=name)).records] == [told[ANN]["order_id"]]
