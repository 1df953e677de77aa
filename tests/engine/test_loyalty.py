"""Where people stand in a loyalty programme: from each source to flows and to Brevo, each change told once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from connector.cli.loyalty import loyalty as command
from connector.errors import InvalidInput
from connector.locks import NORMALISE, lock_persons, lock_shop
from connector.models.event import events
from connector.models.loyalty import loyalty_states
from connector.models.person import persons
from connector.models.staff import audit_log
from connector.models.sync import sync_state
from sync import attributes, merging
from sync.copies import loyalty as copies_loyalty
from sync.loyalty import importing, keeping, metafields, standing, table
from sync.mapping import contact as mapping
from tests.api.teller import Teller, teller_of
from tests.engine.installation import DAY, HOUR, START, ConnectedShop, Installation
from tests.engine.payloads import customer
from tests.sandbox.store_process import SHOP, StoreProcess

ANN, BOB = "ann@example.com", "bob@example.com"
TIERS = [{"name": "Gold", "points": 500}, {"name": "Bronze", "points": 0}, {"name": "Silver", "points": 200}]
SIGNALS = (
    "points_earned", "points_spent", "tier_upgraded", "tier_downgraded", "close_to_upgrade", "reward_available",
    "points_expiring", "tier_downgrade_risk",
)  # fmt: skip
CHEER = """
flow: cheer
name: Cheer
trigger: {on: tier_upgraded, where: {event.new: Gold}}
steps:
  - when: {person.loyalty.points: {gte: 500}}
    then: [{email: cheer}]
"""
MAIL = """---
subject: 'Welcome to {{ event.new }}'
purpose: transactional
deadline: 6h
---
<p>{{ person.loyalty.points }} points, {{ person.loyalty.tier }}</p>
"""
# One running store serves all tests of this module.
_numbers = count(1)


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    return product.connect(flows=[])


@pytest.fixture
def teller(shop: ConnectedShop) -> Teller:
    return teller_of(shop)


def keeps(shop: ConnectedShop, source: str, **settings: Any) -> None:
    """The shop keeps loyalty data of this source, and Brevo has the attributes."""
    shop.set(loyalty={"source": source, "tiers": TIERS, **settings})
    attributes.ensure(shop.deps.brevo(shop.shop), mapping.of_shop(shop.shop))


def told(shop: ConnectedShop) -> list[tuple[str, Any]]:
    """The signals that the flows and Brevo heard, in their order, with what they are about."""
    about = {
        "tier_upgraded": "new", "tier_downgraded": "new", "close_to_upgrade": "missing", "reward_available": "reward",
        "tier_downgrade_risk": "tier",
    }  # fmt: skip
    found = [row for row in shop.rows(events) if row.name in SIGNALS]
    found.sort(key=lambda row: (row.occurred_at, row.seq))
    return [(row.name, row.props[about.get(row.name, "points")]) for row in found]


def at_brevo(shop: ConnectedShop) -> list[str]:
    return [one["event_name"] for one in shop.account.state()["events"] if one["event_name"] in SIGNALS]


def held(shop: ConnectedShop, **wanted: Any) -> Mapping[str, Any]:
    return dict(shop.one(loyalty_states, **wanted)._mapping)


# --- the events API


@pytest.mark.row("S5-238", "S5-239", "S5-240")
@pytest.mark.row("S2-13", "S2-14")
def test_each_change_starts_flows_and_reaches_brevo_once(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    keeps(shop, "api")
    shop.publish(CHEER, cheer=MAIL)
    stories: list[dict[str, Any]] = [
        {"points": 120, "tier": "Bronze"},
        {"points": 190},
        {"points": 210, "tier": "silver"},
        {"points": 150},
        {"reward": "A mug"},
        {"points": 520, "tier": "Gold"},
        {"points": 100, "tier": "Bronze"},
    ]
    for hour, story in enumerate(stories):
        product.at(START + hour * HOUR)
        teller.tell("loyalty", {"email": ANN}, **story)
        product.settle()
    expected = [
        # The first that is heard of somebody is a beginning: nobody can tell what was earned.
        ("points_earned", 70), ("close_to_upgrade", 10),
        ("points_earned", 20), ("tier_upgraded", "silver"),
        ("points_spent", 60),
        ("reward_available", "A mug"),
        ("points_earned", 370), ("tier_upgraded", "Gold"),
        ("points_spent", 420), ("tier_downgraded", "Bronze"),
    ]  # fmt: skip
    assert told(shop) == expected
    assert sorted(at_brevo(shop)) == sorted(name for name, _ in expected)
    (mail,) = shop.mails(ANN)
    assert mail["subject"] == "Welcome to Gold" and "520 points, Gold" in mail["html"]
    seen = shop.contacts()[ANN]["attributes"]
    assert (seen["LOYALTY_POINTS"], seen["LOYALTY_TIER"], seen["LOYALTY_REWARD"]) == (100, "Bronze", "A mug")


def test_a_word_told_again_late_or_of_another_source_changes_nothing(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    keeps(shop, "api")
    product.at(START + 5 * HOUR)
    teller.tell("loyalty", {"email": ANN}, points=100, occurred_at=START.isoformat())
    teller.tell("loyalty", {"email": ANN}, points=150, occurred_at=(START + 3 * HOUR).isoformat())
    product.settle()
    before = held(shop)
    # Under another id; and what was so in between.
    teller.tell("loyalty", {"email": ANN}, points=150, occurred_at=(START + 3 * HOUR).isoformat())
    teller.tell("loyalty", {"email": ANN}, points=120, tier="Bronze", occurred_at=(START + 2 * HOUR).isoformat())
    product.settle()
    assert told(shop) == [("points_earned", 50)] and held(shop)["points"] == 150
    assert held(shop)["tier"] == "Bronze", "of which nothing newer was known"
    assert before["points"] == 150
    # Who is not the shop's source is not believed.
    shop.set(loyalty={"source": "metafields"})
    teller.tell("loyalty", {"email": ANN}, points=999)
    product.settle()
    assert held(shop)["points"] == 150 and told(shop) == [("points_earned", 50)]


def test_without_the_memory_of_what_is_newer_the_late_word_wins(
    product: Installation, shop: ConnectedShop, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    real = standing.hear
    monkeypatch.setattr(keeping, "hear", lambda one, word, trusted: real(one, word, trusted=frozenset()))
    keeps(shop, "api")
    teller.tell("loyalty", {"email": ANN}, points=150)
    teller.tell("loyalty", {"email": ANN}, points=120, occurred_at=(START - HOUR).isoformat())
    product.settle("intake")
    assert held(shop)["points"] == 120


def test_a_shop_without_a_source_keeps_nothing(product: Installation, shop: ConnectedShop, teller: Teller) -> None:
    teller.tell("loyalty", {"email": ANN}, points=100)
    product.settle()
    assert shop.rows(loyalty_states) == [] and shop.one(events, name="loyalty_told").props["points"] == 100
    assert not [one for one in shop.contacts()[ANN]["attributes"] if one.startswith("LOYALTY")]


def test_of_two_people_who_are_one_the_newer_standing_counts_and_nothing_is_added_up(
    product: Installation, shop: ConnectedShop, teller: Teller
) -> None:
    keeps(shop, "api")
    early, late = (START - 2 * HOUR).isoformat(), (START - HOUR).isoformat()
    teller.tell("loyalty", {"email": ANN}, points=100, tier="Bronze", occurred_at=early)
    teller.tell("loyalty", {"email": BOB}, points=250, reward="A mug", occurred_at=late)
    product.settle()
    ann, bob = (row.id for row in shop.rows(persons))
    with shop.scope() as scope:
        lock_shop(scope, NORMALISE)
        merging.merge(scope, ann, bob, reason="staff")
    product.settle()
    row = held(shop)
    assert (row["person_id"], row["points"], row["tier"], row["reward"]) == (ann, 250, "Bronze", "A mug")
    assert told(shop) == []
    assert shop.contacts()[ANN]["attributes"]["LOYALTY_POINTS"] == 250
    # The same again, of the one who is gone: nothing has changed.
    teller.tell("loyalty", {"email": BOB}, points=250, occurred_at=late)
    product.settle()
    assert told(shop) == []


@pytest.mark.row("S2-15")
def test_what_ends_is_told_once_before_it_ends(product: Installation, shop: ConnectedShop, teller: Teller) -> None:
    keeps(shop, "api", risk_days=30)
    ends = START + 40 * DAY
    teller.tell("loyalty", {"email": ANN}, points=300, tier="Silver", expires_at=ends.isoformat())
    # Who is on the lowest tier cannot fall, and whose points have no end loses none.
    teller.tell("loyalty", {"email": BOB}, points=0, tier="Bronze", expires_at=ends.isoformat())
    product.play(9 * DAY)
    assert told(shop) == []
    # The end has moved: the clock that rings has another look.
    moved = ends + 5 * DAY
    teller.tell("loyalty", {"email": ANN}, points=300, expires_at=moved.isoformat())
    product.play(5 * DAY)
    assert told(shop) == []
    product.play(2 * DAY)
    assert sorted(told(shop)) == [("points_expiring", 300), ("tier_downgrade_risk", "Silver")]
    assert {row.occurred_at for row in shop.rows(events) if row.name in SIGNALS} == {moved - 30 * DAY}
    teller.tell("loyalty", {"email": ANN}, points=301, expires_at=moved.isoformat())
    product.play(40 * DAY)
    assert len([one for one in told(shop) if one[0] != "points_earned"]) == 2
    assert sorted(set(at_brevo(shop))) == ["points_earned", "points_expiring", "tier_downgrade_risk"]


# --- the store


@pytest.fixture
def ann(product: Installation, shop: ConnectedShop, store: StoreProcess) -> int:
    """A customer of the simulated store."""
    email = f"loyal{next(_numbers)}@example.com"
    store.act("create_customer", email=email, shop=SHOP)
    (found,) = [one for one in store.get("state")["shops"][SHOP]["customers"] if one["email"] == email]
    return int(found["id"])


def changed(shop: ConnectedShop, store: StoreProcess, customer_id: int, key: str, kind: str, value: str | None) -> None:
    """A metafield of the customer is another in the store, which says that the customer has changed."""
    namespace, _, name = key.partition(".")
    store.act("set_metafield", customer=customer_id, namespace=namespace, key=name, type=kind, value=value, shop=SHOP)
    shop.deliver("customers/update", customer(customer_id, None, shop.installation.now))


def contact(shop: ConnectedShop, customer_id: int) -> dict[str, Any]:
    (found,) = [one for one in shop.account.state()["contacts"] if one["attributes"].get("EXT_ID") == str(customer_id)]
    return dict(found["attributes"])


@pytest.mark.row("S5-224")
def test_metafields_reach_flows_and_brevo_as_soon_as_the_store_tells_of_a_change(
    product: Installation, shop: ConnectedShop, store: StoreProcess, ann: int
) -> None:
    keeps(shop, "metafields", points="vip.balance", expires_at=None)
    shop.publish(CHEER, cheer=MAIL)
    shop.deliver("customers/create", customer(ann, None, product.now))
    product.settle()
    assert held(shop)["points"] is None and held(shop)["told"].keys() == {"points", "tier", "reward"}
    changed(shop, store, ann, "loyalty.tier", "single_line_text_field", "Silver")
    changed(shop, store, ann, "vip.balance", "number_integer", "480")
    # One run: no clock is moved.
    product.settle()
    assert (contact(shop, ann)["LOYALTY_POINTS"], contact(shop, ann)["LOYALTY_TIER"]) == (480, "Silver")
    assert told(shop) == [("points_earned", 480), ("tier_upgraded", "Silver"), ("close_to_upgrade", 20)]
    product.at(product.now + HOUR)
    changed(shop, store, ann, "loyalty.tier", "single_line_text_field", "Gold")
    changed(shop, store, ann, "vip.balance", "number_decimal", "505.7")
    product.settle()
    assert told(shop)[3:] == [("points_earned", 25), ("tier_upgraded", "Gold")]
    assert [mail["subject"] for mail in shop.mails(shop.one(persons).email)] == ["Welcome to Gold"]
    # Read again, it is no news; what is taken away is cleared, and no fall.
    product.at(product.now + HOUR)
    shop.deliver("customers/update", customer(ann, None, product.now))
    changed(shop, store, ann, "loyalty.tier", "single_line_text_field", None)
    product.settle()
    assert len(told(shop)) == 5 and not contact(shop, ann).get("LOYALTY_TIER")
    product.at(product.now + HOUR)
    changed(shop, store, ann, "loyalty.tier", "single_line_text_field", "Silver")
    product.settle()
    assert told(shop)[5:] == [("tier_downgraded", "Silver")], "by what it was before"


def test_a_tag_names_the_tier_and_of_several_the_highest_counts(
    product: Installation, shop: ConnectedShop, store: StoreProcess, ann: int
) -> None:
    keeps(shop, "tags", tier_tag="level:")
    shop.deliver("customers/create", customer(ann, None, product.now))
    product.settle()
    added, removed = ("level:bronze", "level:GOLD"), ("level:bronze", "level:GOLD")
    acts = [*(("add_tags", tag) for tag in added), *(("remove_tags", tag) for tag in removed)]
    for hour, (act, tag) in enumerate(acts, start=1):
        product.at(START + hour * HOUR)
        store.act(act, customer=ann, tags=[tag], shop=SHOP)
        shop.deliver("customers/update", customer(ann, None, product.now))
        product.settle()
    assert told(shop) == [("tier_upgraded", "Bronze"), ("tier_upgraded", "Gold")]
    assert (held(shop)["tier"], held(shop)["last_tier"]) == (None, "Gold")


def test_what_a_sync_finds_starts_nothing(
    product: Installation, shop: ConnectedShop, store: StoreProcess, ann: int
) -> None:
    keeps(shop, "metafields")
    node = {"updatedAt": START.isoformat(), "metafields": {"nodes": []}}
    shop.deliver("customers/create", customer(ann, None, product.now))
    product.settle()
    person = shop.one(persons).id
    tier = {"namespace": "loyalty", "key": "tier", "type": "single_line_text_field", "value": "Gold"}
    with shop.deps.open(shop.shop, quiet=True) as scope:
        keeping.from_store(scope, person, {**node, "metafields": {"nodes": [tier]}})
    product.settle()
    assert held(shop)["tier"] == "Gold" and told(shop) == []
    # The control: what a delivery finds does.
    with shop.scope() as scope:
        keeping.from_store(scope, person, node)
        keeping.from_store(scope, person, {**node, "metafields": {"nodes": [{**tier, "value": "Silver"}]}})
    product.settle()
    assert told(shop) == [("tier_downgraded", "Silver")]


# --- to the store


def at_store(store: StoreProcess, customer_id: int) -> dict[str, str]:
    query = "query($id: ID!) { customer(id: $id) { metafields(first: 9) { nodes { namespace key value } } } }"
    found = store.data(query, shop=SHOP, id=f"gid://shopify/Customer/{customer_id}")
    held = found["customer"]["metafields"]["nodes"]
    return {f"{one['namespace']}.{one['key']}": one["value"] for one in held if one["namespace"] == "loyalty"}


def test_what_a_programme_decides_is_written_to_the_store_and_is_told_once(
    product: Installation, shop: ConnectedShop, store: StoreProcess, ann: int
) -> None:
    keeps(shop, "metafields")
    shop.deliver("customers/create", customer(ann, None, product.now))
    product.settle()
    person = shop.one(persons).id
    product.at(START + HOUR)
    ends = START + 400 * DAY
    with shop.scope() as scope:
        lock_persons(scope, [person])
        keeping.assign(scope, person, {"points": 150, "tier": "Bronze", "reward": "A mug", "expires_at": ends})
    # Read before it is written: the store's word is the older one.
    shop.deliver("customers/update", customer(ann, None, product.now))
    product.settle("intake", "fetch")
    assert held(shop)["points"] == 150 and held(shop)["unwritten"]
    product.settle()
    written = {"points": "150", "tier": "Bronze", "reward": "A mug", "expires_at": ends.isoformat()}
    assert at_store(store, ann) == {f"loyalty.{name}": value for name, value in written.items()}
    assert not held(shop)["unwritten"] and shop.one(sync_state, entity="loyalty").reason == "written"
    # Its echo is no news.
    shop.deliver("customers/update", customer(ann, None, product.now))
    product.settle()
    assert told(shop) == [("points_earned", 150), ("tier_upgraded", "Bronze"), ("reward_available", "A mug")]
    # A reward that is spent is taken away; what did not change is not written.
    product.at(START + 2 * HOUR)
    with shop.scope() as scope:
        lock_persons(scope, [person])
        keeping.assign(scope, person, {"points": 20, "reward": None})
    product.settle()
    assert at_store(store, ann) == {f"loyalty.{k}": v for k, v in {**written, "points": "20"}.items() if k != "reward"}
    assert contact(shop, ann)["LOYALTY_POINTS"] == 20


def test_a_value_that_came_between_is_read_again_before_it_is_written_over(
    product: Installation, shop: ConnectedShop, store: StoreProcess, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeps(shop, "metafields")
    shop.deliver("customers/create", customer(ann, None, product.now))
    product.settle()
    person = shop.one(persons).id
    real, digests = metafields.changes, list[Any]()

    def meddled(*given: Any) -> Any:
        put, drop = real(*given)
        digests.append([one["compareDigest"] for one in put])
        if len(digests) == 1:
            act = {"customer": ann, "namespace": "loyalty", "key": "points", "type": "number_integer", "value": "7"}
            store.act("set_metafield", **act, shop=SHOP)
        return put, drop

    monkeypatch.setattr(copies_loyalty, "changes", meddled)
    with shop.scope() as scope:
        lock_persons(scope, [person])
        keeping.assign(scope, person, {"points": 150})
    product.settle()
    assert at_store(store, ann) == {"loyalty.points": "7"} and held(shop)["unwritten"]
    assert shop.one(sync_state, entity="loyalty").attempts == 1
    product.skip(120)
    product.settle()
    assert at_store(store, ann) == {"loyalty.points": "150"} and not held(shop)["unwritten"]
    assert digests[0] == [None] and digests[1] != [None]


# --- a file

TABLE = b"""\xef\xbb\xbfEmail,customer_id,points,Tier,expires_at
ann@example.com,,120,Bronze,2027-01-31
bob@example.com,,many,,
,,5,,
,abc,5,,
no address,,5,,
"bob@example.com,,5,,
bob@example.com,,,,
bob@example.com,,5
bob@example.com,,7,,31.1.2027
\xff@example.com,,5,,

carl@example.com,4711,80,,
"""


def bring(shop: ConnectedShop, content: bytes, **options: Any) -> tuple[int, list[int]]:
    """(how many lines were taken, the numbers of those that were not)."""
    found = list(importing.bring(shop.deps, shop.shop, BytesIO(content), by="cli", **options))
    return sum(one for one in found if isinstance(one, int)), [one.line for one in found if not isinstance(one, int)]


def test_of_a_file_every_line_is_taken_or_named_with_a_sentence(product: Installation, shop: ConnectedShop) -> None:
    keeps(shop, "file")
    found = list(table.read(BytesIO(TABLE)))
    whys = {one.line: one.why for one in found if isinstance(one, table.Unread)}
    assert list(whys) == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert "points 'many'" in whys[3] and "names nobody" in whys[4] and "5 cells" not in whys[9]
    assert all(why.endswith(".") for why in whys.values())
    assert bring(shop, TABLE) == (2, list(whys))
    product.settle()
    rows = {row.points: row for row in shop.rows(loyalty_states)}
    assert set(rows) == {120, 80} and rows[120].expires_at == datetime.fromisoformat("2027-01-31T00:00:00+00:00")
    assert shop.one(audit_log, act="loyalty.import").detail == {"lines": 2}
    # Again, and with other points: nothing is started by it, unless it is news.
    assert bring(shop, TABLE)[0] == 2
    assert bring(shop, b"email,points\nann@example.com,300\n") == (1, [])
    product.settle()
    assert told(shop) == []
    product.at(product.now + HOUR)
    assert bring(shop, b"email,points\nann@example.com,340\n", news=True) == (1, [])
    product.settle()
    assert told(shop) == [("points_earned", 40)]


def test_a_file_is_read_in_pieces_and_a_line_without_an_end_takes_no_memory(
    product: Installation, shop: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeps(shop, "file")
    monkeypatch.setattr(importing, "AT_ONCE", 2)
    lines = b"".join(b"p%d@example.com,%d\n" % (n, n) for n in range(5))
    asked: list[int] = []

    class Noting(BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            asked.append(-1 if size is None else size)
            return super().readline(size)

    content = b"email,points\n" + lines + b"x" * 50_000 + b"\nlast@example.com,7\n"
    found = list(importing.bring(shop.deps, shop.shop, Noting(content), by="cli"))
    assert sum(one for one in found if isinstance(one, int)) == 6
    assert [one.line for one in found if not isinstance(one, int)] == [7]
    assert 0 < min(asked) <= max(asked) <= table.LONGEST_LINE + 1
    with pytest.raises(InvalidInput, match="'colour'"):
        bring(shop, b"email,colour\n")
    shop.set(loyalty={"source": "tags"})
    with pytest.raises(InvalidInput, match="believes its tags"):
        bring(shop, TABLE)


# --- the commands


def run(shop: ConnectedShop, *arguments: str, code: int = 0, said: str = "") -> str:
    """The command; its global settings are those of the installation. ``said``: what is piped into it."""
    name, *rest = arguments
    given = CliRunner().invoke(command, [name, "--shop", shop.shop.domain, *rest], obj=shop.deps.settings, input=said)
    assert given.exit_code == code, given.output
    return given.output


def test_choosing_the_store_reads_where_customers_stand_and_starts_nothing(
    product: Installation, shop: ConnectedShop, store: StoreProcess, ann: int, tmp_path: Path
) -> None:
    shop.deliver("customers/create", customer(ann, None, product.now))
    product.settle()
    act = {"customer": ann, "namespace": "loyalty", "key": "points", "type": "number_integer", "value": "480"}
    store.act("set_metafield", **act, shop=SHOP)
    wrong = {"source": "metafields", "tiers": [{"name": "A", "points": 1}, {"name": "B", "points": 1}]}
    assert "same points" in run(shop, "set", "-", code=1, said=orjson.dumps(wrong).decode())
    output = run(shop, "set", "-", said=orjson.dumps({"source": "metafields", "tiers": TIERS}).decode())
    assert "LOYALTY_POINTS" in output and "is read from the store: run" in output
    product.settle()
    assert contact(shop, ann)["LOYALTY_POINTS"] == 480 and told(shop) == []
    # A file is not the source now; then it is, and what was wrong with it is said.
    file = tmp_path / "members.csv"
    file.write_bytes(TABLE)
    assert "believes its metafields" in run(shop, "import", str(file), code=1)
    run(shop, "set", "-", said='{"source": "file"}')
    output = run(shop, "import", str(file), code=1)
    assert "line 3: points 'many' is no number of points." in output and "2 lines are taken, 9 are not." in output
    file.write_bytes(b"email,points\nann@example.com,5\n")
    assert "1 lines are taken, 0 are not." in run(shop, "import", str(file))
    run(shop, "set", "-", said="null")
    assert [line.object_id for line in shop.rows(audit_log, act="loyalty.choose")] == ["metafields", "file", "none"]
