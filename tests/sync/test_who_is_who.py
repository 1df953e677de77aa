"""Random lives of a few people, told in any order and more than once: one person per human, as far as anything connects
what is told of them; no person of two humans, and nothing that happened is lost or somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from connector.models.event import events
from connector.models.person import identities, persons
from sync import merging
from tests.engine.installation import START, ConnectedShop, Installation, installation
from tests.engine.payloads import JSON, checkout, consent, customer, embedded, order
from tests.sync.test_merging import joined

HUMANS, SEEDS, MANY = 3, 12, 400
PHONE = "+4915112345678"


@pytest.fixture
def product(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with installation(database_url, redis_url, tmp_path) as made:
        yield made


@dataclass
class Told:
    """One delivery; which names it says are one human's, and what happened to whom: (event, subject, name)."""

    topic: str
    body: JSON
    same: Sequence[str]
    happened: tuple[str, str, str] | None = None
    merged_away: str | None = None
    deleted: str | None = None


@dataclass
class Life:
    """What one human does. They have three addresses and two customer records, and a number that all share."""

    human: int
    chance: Random
    told: list[Told] = field(default_factory=list)

    def address(self, number: int) -> str:
        return f"h{self.human}-{number}@example.com"

    def record(self, number: int) -> int:
        return self.human * 10 + number

    def live(self) -> list[Told]:
        acts = [self.signs_up, self.moves, self.guest, self.guest, self.buys, self.agrees, self.types, self.doubles,
                self.unites, self.is_deleted, self.second_is_deleted]  # fmt: skip
        for act in self.chance.sample(acts, self.chance.randrange(3, 8)):
            act()
        return self.told

    def signs_up(self) -> None:
        self._profile("customers/create", 1, 0, 0)

    def moves(self) -> None:
        self._profile("customers/update", 1, 1, 5)

    def doubles(self) -> None:
        self._profile("customers/create", 2, 2, 0)

    def guest(self) -> None:
        address, token = self.address(self.chance.randrange(3)), f"guest-{self.human}-{len(self.told)}"
        happened = ("checkout_started", f"checkout:{token}", address)
        self.told.append(Told("checkouts/create", checkout(token, address, START), [address], happened))

    def buys(self) -> None:
        record, address, number = self.record(1), self.address(0), self.human * 1000 + len(self.told)
        body = order(number, address, START, customer=embedded(record, address))
        names = [str(record), address]
        self.told.append(Told("orders/create", body, names, ("order_placed", f"order:{number}", names[0])))

    def agrees(self) -> None:
        record, address = self.record(1), self.address(0)
        body = consent(record, address, "subscribed", START)
        self.told.append(Told("customers_email_marketing_consent/update", body, [str(record), address]))

    def types(self) -> None:
        """A gift: the checkout has the address of somebody else."""
        record, other, token = self.record(1), f"h{(self.human + 1) % HUMANS}-0@example.com", f"gift-{self.human}"
        body = checkout(token, other, START, customer=embedded(record, self.address(0)))
        names = [str(record), self.address(0)]
        self.told.append(Told("checkouts/create", body, names, ("checkout_started", f"checkout:{token}", names[0])))

    def unites(self) -> None:
        names = [str(self.record(1)), str(self.record(2))]
        self.told.append(Told("customers/merge", joined(self.record(1), self.record(2)), names, merged_away=names[1]))

    def is_deleted(self) -> None:
        self._deletion(1)

    def second_is_deleted(self) -> None:
        self._deletion(2)

    def _deletion(self, number: int) -> None:
        record = self.record(number)
        happened = ("customer_deleted", f"customer:{record}", str(record)) if number == 1 else None
        self.told.append(Told("customers/delete", {"id": record}, [str(record)], happened, deleted=str(record)))

    def _profile(self, topic: str, number: int, address: int, minutes: int) -> None:
        record = self.record(number)
        body = customer(record, self.address(address), START + timedelta(minutes=minutes), phone=PHONE)
        happened = ("customer_created", f"customer:{record}", str(record)) if topic == "customers/create" else None
        self.told.append(Told(topic, body, [str(record), self.address(address)], happened))


def people(told: Sequence[Told]) -> dict[str, frozenset[str]]:
    """The oracle: name -> all names that are the same human's by what was told, in whatever order."""
    groups: dict[str, frozenset[str]] = {}
    for one in told:
        group = frozenset(one.same).union(*(groups.get(name, frozenset()) for name in one.same))
        groups |= dict.fromkeys(group, group)
    return groups


def wrong(shop: ConnectedShop, told: Sequence[Told]) -> list[str]:
    """What is not as the oracle says."""
    groups = people(told)
    named = {row.value: row.person_id for row in shop.rows(identities) if row.kind in ("customer", "email")}
    live = {row.id: row for row in shop.rows(persons) if row.merged_into is None}
    found = [f"{name} names nobody" for name in groups.keys() - named.keys()]
    found += [f"{name} is known, though nobody told of it" for name in named.keys() - groups.keys()]
    by_person = {person: frozenset(name for name in named if named[name] == person) for person in named.values()}
    found += [f"{sorted(names)} are not one human" for names in set(by_person.values()) - set(groups.values())]
    if set(live) != set(by_person):
        found.append(f"{len(live)} people where {len(by_person)} are named")
    over = {one.merged_away for one in told} | {one.deleted for one in told}
    for person, names in by_person.items():
        records = {name for name in names if name.isdigit()} - over
        held = live[person].customer_id if person in live else None
        if (str(held) if held else None) not in (records or {None}):
            found.append(f"{sorted(names)} is customer {held}, not one of {records}")
    whose = {(row.name, row.subject): row.person_id for row in shop.rows(events)}
    for one in told:
        if one.happened and whose.get(one.happened[:2]) != named.get(one.happened[2]):
            found.append(f"{one.happened} is {whose.get(one.happened[:2])}'s")
    return found


def tell(product: Installation, shop: ConnectedShop, told: Sequence[Told], chance: Random) -> None:
    """In any order, some of it twice or three times, some of it in one batch."""
    heard = [*told, *chance.choices(told, k=len(told) // 2)]
    chance.shuffle(heard)
    for one in heard:
        shop.deliver(one.topic, one.body)
        if chance.random() < 0.4:
            product.settle("intake")
    product.settle("intake")


def life_of(product: Installation, seed: int) -> list[str]:
    chance = Random(seed)
    shop = product.connect(f"shop-{seed}.myshopify.com", flows=[])
    told = [one for human in range(1, HUMANS + 1) for one in Life(human, chance).live()]
    tell(product, shop, told, chance)
    # A deletion is no event of somebody whose record was merged away before.
    united = {one.merged_away for one in told}
    happened = [one for one in told if one.deleted is None or one.deleted not in united]
    return [f"seed {seed}: {what}" for what in wrong(shop, happened)]


def test_one_person_for_one_human_in_whatever_order(product: Installation) -> None:
    assert [what for seed in range(SEEDS) for what in life_of(product, seed)] == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_one_person_for_one_human_in_whatever_order_many_times(product: Installation) -> None:
    assert [what for seed in range(SEEDS, MANY) for what in life_of(product, seed)] == []


def test_control_without_merging_there_are_two_people_for_one_human(
    product: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "merge", lambda scope, kept, gone, *, reason: kept)
    assert any("are not one human" in what for seed in range(5) for what in life_of(product, seed))
