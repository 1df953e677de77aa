"""A merchant changes the mapping: it is checked, kept, in force at once, and what was shown before is what is sent."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from connector import shops
from connector.cli.mapping import mapping as command
from connector.db.session import transaction
from connector.errors import InvalidInput
from connector.models.mapping import mapping_edits as edits_table
from connector.models.mapping import profile_fields
from connector.models.person import persons
from connector.models.staff import audit_log
from connector.models.sync import sync_state
from sync import mapping_edits, mapping_preview, reruns
from sync.mapping import document
from tests.adapters.brevo_contract import described, problems
from tests.engine.installation import HOUR, ConnectedShop, Installation
from tests.engine.payloads import customer
from tests.engine.shoppers import buy, by_customer, subscribe
from tests.sandbox.store_process import SHOP, StoreProcess

ANN = "ann@example.com"
# One running store serves all tests of this module.
_numbers = count(1)
LOYALTY = """\
# What we call people.
attributes:
  LOYALTY_TIER: {from: metafield:loyalty.tier, type: category, options: {Gold: 1, Silver: 2}}
  LOYALTY_POINTS: {from: metafield:loyalty.points, type: float, default: 0}
  FAVOURITES: {from: metafield:custom.colours, type: multiple-choice, options: [Red, Blue]}
  NOTE: {from: customer.note, type: text, transform: upper}
  SHOE: {from: metafield:custom.shoe, type: float}
  TIMEZONE: null
events:
  order_placed:
    as: order_placed
    properties: {order_name: number, total: sum}
    contact_properties: {LAST_ORDER_AMOUNT: {from: total, type: float}}
"""


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


def accept(shop: ConnectedShop, text: str, **options: Any) -> mapping_edits.Accepted:
    done = mapping_edits.accept(shop.deps, shop.shop, text, by="staff:1", **options)
    with transaction(shop.deps.engine) as connection:
        shop.shop = shops.load(connection, shop.id)
    return done


def preview(shop: ConnectedShop, **options: Any) -> mapping_preview.Preview:
    (ann,) = shop.rows(persons, email=ANN)
    return mapping_preview.preview(shop.deps, shop.shop, ann.id, **options)


def run(shop: ConnectedShop, *arguments: str, code: int = 0, **options: Any) -> Result:
    """The command; its global settings are those of the installation."""
    domain = ["--shop", shop.shop.domain]
    given = CliRunner().invoke(command, [arguments[0], *domain, *arguments[1:]], obj=shop.deps.settings, **options)
    assert given.exit_code == code, given.output
    return given


@pytest.fixture
def ann(product: Installation, shop: ConnectedShop, store: StoreProcess) -> int:
    """A customer of the simulated store with metafields, whom Brevo has, and what she bought."""
    email = f"ann{next(_numbers)}@example.com"
    store.act("create_customer", email=email, shop=SHOP)
    (found,) = [one for one in store.get("state")["shops"][SHOP]["customers"] if one["email"] == email]
    for key, kind, value in (
        ("loyalty.tier", "single_line_text_field", "Gold"),
        ("loyalty.points", "number_integer", "120"),
        ("custom.colours", "list.single_line_text_field", '["Red","Green"]'),
        ("custom.shoe", "single_line_text_field", "huge"),
    ):
        metafield(store, found["id"], key, kind, value)
    shop.deliver("customers/create", customer(found["id"], email, product.now, first_name="Ann"))
    product.settle()
    return int(found["id"])


def metafield(store: StoreProcess, customer_id: int, key: str, kind: str, value: str | None) -> None:
    namespace, _, name = key.partition(".")
    store.act("set_metafield", customer=customer_id, namespace=namespace, key=name, type=kind, value=value, shop=SHOP)


def at_brevo(shop: ConnectedShop, customer_id: int) -> dict[str, Any]:
    (found,) = [one for one in shop.account.state()["contacts"] if one["attributes"].get("EXT_ID") == str(customer_id)]
    return dict(found["attributes"])


def test_metafields_are_read_kept_and_told_of_everybody_in_the_type_that_was_said(
    product: Installation, shop: ConnectedShop, store: StoreProcess, ann: int
) -> None:
    assert "LOYALTY_TIER" not in at_brevo(shop, ann) and shop.rows(profile_fields) == []
    done = accept(shop, LOYALTY)
    assert done.meaning.contacts == 1 and "metafield:loyalty.tier" in done.meaning.unread
    assert any("LOYALTY_TIER" in note and "Created" in note for note in done.notes)
    assert done.run_id is not None, "the store is asked for what was never read"
    product.settle()
    # The store has customers of other tests too, who were read with her.
    (her,) = [row.id for row in shop.rows(persons) if row.customer_id == ann]
    (entry,) = shop.rows(sync_state, entity="contact", entity_id=her, state="done")
    assert entry.sent_version == entry.wanted_version
    held = at_brevo(shop, ann)
    assert (held["LOYALTY_TIER"], held["LOYALTY_POINTS"], held["FAVOURITES"]) == (1, 120.0, ["Red"])
    assert "SHOE" not in held
    product.skip(2)
    product.settle()
    with transaction(shop.deps.engine) as connection:
        assert reruns.progress(connection, shop.id, done.run_id).state == "done"
    # What is taken away in the store is cleared at Brevo, or becomes the default.
    product.at(product.now + HOUR)
    metafield(store, ann, "loyalty.points", "number_integer", None)
    metafield(store, ann, "custom.colours", "list.single_line_text_field", None)
    shop.deliver("customers/update", customer(ann, None, product.now, first_name="Anna"))
    product.settle()
    assert at_brevo(shop, ann)["LOYALTY_POINTS"] == 0.0 and not at_brevo(shop, ann).get("FAVOURITES")
    # What the mapping names no more is not kept.
    accept(shop, "attributes: {LOYALTY_TIER: {from: metafield:loyalty.tier, type: text}}")
    assert {row.source for row in shop.rows(profile_fields)} == {"metafield:loyalty.tier"}


def test_what_the_mapping_does_not_name_is_not_asked_for(shop: ConnectedShop, store: StoreProcess, ann: int) -> None:
    """The control of the reading: the same customer, and no field of hers is kept."""
    accept(shop, "attributes: {NOTE: {from: customer.note, type: text}}")
    shop.installation.settle()
    assert [row.source for row in shop.rows(profile_fields) if row.source.startswith("metafield:")] == []


def test_the_preview_is_what_is_sent(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN, 5, first_name="Ann", phone="+4915112345678")
    product.settle()
    accept(
        shop, "attributes:\n  AGE: {from: first_name, type: float}\n  CITY: {from: city, type: text, default: Rome}\n"
    )
    shop.account.call("DELETE", "/contacts/attributes/normal/CITY")
    buy(shop, ANN, 9, **by_customer(5, ANN))
    product.settle("intake")
    seen = preview(shop)
    sent: list[Any] = []
    real = shop.deps.http.provider.send

    def noting(request: Any, **options: Any) -> Any:
        sent.append((request.method, request.url.path.removeprefix("/v3"), orjson.loads(request.content or b"null")))
        return real(request, **options)

    shop.deps.http.provider.send = noting  # type: ignore[method-assign]
    product.settle()
    assert seen.request is not None
    assert (seen.request.method, seen.request.path, seen.request.body) in sent
    (placed,) = [one for one in seen.events if one.name == "order_placed"]
    assert placed.real and ("POST", "/events", placed.request.body) in sent
    left = {one.name: one.reason for one in seen.left_out}
    assert left["AGE"] == "“Ann” is no number" and left["SMS"] == "no consent to sms"
    assert left["TIMEZONE"] == "nothing is known"
    assert {one.name: one.reason for one in seen.ignored} == {"CITY": "the attribute CITY does not exist"}
    assert seen.request.body["attributes"]["CITY"] == "Rome"
    assert not set(left) & set(seen.request.body["attributes"])
    # The control: by another mapping it is another request.
    shop.set(contact_mapping={})
    assert preview(shop).request != seen.request
    contract = described()
    for event in seen.events:
        assert problems(contract, "post", "/events", dict(event.request.body)) == []


def test_a_preview_asks_nobody_when_it_is_not_to_and_says_when_it_cannot(
    product: Installation, shop: ConnectedShop
) -> None:
    subscribe(shop, ANN, 5)
    product.settle()
    before = len(shop.account.log("request"))
    assert not preview(shop, offline=True).asked
    assert len(shop.account.log("request")) == before
    shop.account.fault("status", status=500, count=20)
    assert any("could not be asked" in note for note in preview(shop).notes)


def test_who_is_not_to_be_told_of_is_said(product: Installation, shop: ConnectedShop) -> None:
    shop.deliver("customers/create", customer(6, None, product.now, phone="+4915112345678"))
    product.settle()
    (nobody,) = shop.rows(persons)
    seen = mapping_preview.preview(shop.deps, shop.shop, nobody.id, offline=True)
    assert (seen.request, seen.nothing, seen.events) == (None, "no address is known", ())
    with pytest.raises(InvalidInput, match="no person"):
        mapping_preview.preview(shop.deps, shop.shop, nobody.id + 1, offline=True)


def test_an_edit_is_kept_with_who_and_when_and_is_in_force_at_once(product: Installation, shop: ConnectedShop) -> None:
    text = "# Mine.\nattributes:\n  FIRSTNAME: null\n  PRENOM: {from: first_name, type: text}\n"
    accept(shop, text)
    (edit,) = shop.rows(edits_table)
    assert (edit.document, edit.made_by, edit.made_at) == (text, "staff:1", product.now)
    (line,) = shop.rows(audit_log, act="mapping.change")
    assert (line.actor, line.object_id, line.detail["attributes"]) == ("staff:1", str(edit.id), 2)
    with transaction(shop.deps.engine) as connection:
        assert mapping_edits.current(connection, shop.shop) == text, "remarks and all"
    subscribe(shop, ANN, 5, first_name="Ann")
    product.settle()
    assert shop.contacts()[ANN]["attributes"].get("PRENOM") == "Ann"
    assert "FIRSTNAME" not in shop.contacts()[ANN]["attributes"]


def test_two_who_edit_at_once_do_not_write_over_each_other(shop: ConnectedShop) -> None:
    with transaction(shop.deps.engine) as connection:
        seen = mapping_edits.digest_of(mapping_edits.current(connection, shop.shop))
    accept(shop, "attributes: {CITY: null}", seen=seen)
    with pytest.raises(InvalidInput, match="meanwhile"):
        accept(shop, "attributes: {COUNTRY: null}", seen=seen)
    assert shop.shop.settings["contact_mapping"] == {"CITY": None}
    # The control: without saying what was seen it is taken.
    accept(shop, "attributes: {COUNTRY: null}")
    assert shop.shop.settings["contact_mapping"] == {"COUNTRY": None}


def test_a_wrong_document_changes_nothing_and_neither_does_a_brevo_that_does_not_answer(shop: ConnectedShop) -> None:
    for text in ("attributes: {X: {from: nowhere, type: text}}", "- 1"):
        with pytest.raises(InvalidInput):
            accept(shop, text)
    shop.account.fault("status", status=500, count=50)
    with pytest.raises(Exception, match="brevo"):
        accept(shop, "attributes: {NEW_ONE: {from: city, type: text}}")
    assert shop.rows(edits_table) == [] and shop.shop.settings["contact_mapping"] == {}


def test_what_is_only_switched_off_tells_nobody(product: Installation, shop: ConnectedShop) -> None:
    subscribe(shop, ANN, 5)
    product.settle()
    assert accept(shop, "attributes: {CITY: null}\nevents: {order_paid: null}").meaning.contacts == 0
    assert accept(shop, "attributes: {CITY: {from: city, type: text, transform: upper}}").meaning.contacts == 1


# --- the command


def test_the_command_checks_asks_and_takes(product: Installation, shop: ConnectedShop, tmp_path: Path) -> None:
    subscribe(shop, ANN, 5, first_name="Ann")
    product.settle()
    file = tmp_path / "mapping.yaml"
    file.write_text("attributes:\n  X: {from: nowhere, type: text}\n")
    assert "line 2: attributes X is from `nowhere`" in run(shop, "check", str(file), code=1).output
    run(shop, "set", str(file), code=1)
    file.write_text("attributes:\n  NAME: {from: first_name, type: text, transform: upper}\n")
    said = run(shop, "check", str(file)).output
    assert "Attributes that change: NAME." in said and "1 contacts would be told again." in said
    run(shop, "set", str(file), code=1, input="n\n")
    assert shop.rows(edits_table) == [], "not without a yes"
    assert "Taken." in run(shop, "set", str(file), input="y\n").output
    assert run(shop, "show").output == file.read_text()
    product.settle()
    assert shop.contacts()[ANN]["attributes"]["NAME"] == "ANN"
    shown = run(shop, "show", "--all").output
    assert document.read(shown).attributes["LASTNAME"] == {"from": "last_name", "type": "text"}
    assert "cli" in run(shop, "show", "--history").output
    run(shop, "reset", "--yes")
    assert run(shop, "show").output == document.EMPTY


def test_the_command_previews(product: Installation, shop: ConnectedShop, tmp_path: Path) -> None:
    subscribe(shop, ANN, 5, first_name="Ann")
    product.settle()
    said = run(shop, "preview", "--customer", "5").output
    assert "POST /contacts" in said and '"FIRSTNAME": "Ann"' in said and "SMS: no consent to sms" in said
    assert "order_placed, an example:" in said
    told = orjson.loads(run(shop, "preview", "--email", ANN.upper(), "--offline", "--json").output)
    assert told["request"]["body"]["attributes"]["FIRSTNAME"] == "Ann" and not told["asked"]
    file = tmp_path / "mapping.yaml"
    file.write_text("attributes: {FIRSTNAME: {from: first_name, type: text, transform: upper}}")
    by_file = run(shop, "preview", "--customer", "5", "--offline", "--file", str(file)).output
    assert '"FIRSTNAME": "ANN"' in by_file, "what is not taken yet can be tried"
    assert "Nobody at" in run(shop, "preview", "--customer", "77", code=1).output
    run(shop, "preview", code=2)
