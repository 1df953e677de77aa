"""Who opted out last is not mailed, not texted, not subscribed again: counted at the provider and in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random

import pytest

from sync import consent
from sync.consent_evidence import Evidence, standing
from tests.engine.consent_histories import FLOW, LETTER, Act, Human, Stage, agreed, humans, refused
from tests.engine.installation import ConnectedShop, Installation
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess


@pytest.fixture
def shop(product: Installation) -> ConnectedShop:
    connected = product.connect(flows=[])
    made = connected.account.post("/contacts/lists", {"name": "Readers", "folderId": 1}).json()
    connected.set(contact_list=made["id"])
    connected.publish(FLOW, hello=LETTER)
    return connected


@pytest.fixture
def webhooks(store: StoreProcess) -> Iterator[Receiver]:
    with Receiver() as receiver:
        store.post("subscribe", uri=receiver.url, shops=[SHOP])
        yield receiver
        store.post("unsubscribe")


def test_the_oracle_says_what_the_law_says() -> None:
    def said(*acts: tuple[str, bool, int]) -> tuple[bool, bool]:
        told = [Act("email", source, yes, hour) for source, yes, hour in acts]
        return agreed(told, "email"), refused(told, "email")

    assert said() == (False, False)
    assert said(("store", True, 1)) == (True, False)
    assert said(("store", True, 1), ("brevo", False, 1)) == (False, True)
    assert said(("brevo", False, 1), ("admin", True, 2)) == (True, False)
    assert said(("brevo", False, 1), ("import", True, 2)) == (False, True)
    assert said(("box", True, 1)) == (True, False)


def test_random_histories_end_as_the_oracle_says(shop: ConnectedShop, store: StoreProcess, webhooks: Receiver) -> None:
    random = Random(17)
    crowd = humans(random, "history", 16)
    stage = Stage(shop, store, webhooks, random)
    stage.play(crowd)
    assert stage.wrongs(crowd) == []
    # Both kinds are among them, and both were counted.
    assert {agreed(human.acts, "email") for human in crowd} == {True, False}
    assert any(refused(human.acts, "sms") for human in crowd)


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("seed", range(10))
def test_thousands_of_histories(shop: ConnectedShop, store: StoreProcess, webhooks: Receiver, seed: int) -> None:
    random = Random(1000 + seed)
    # As many at a time as the limits of both platforms let through while the installation settles.
    for number in range(10):
        crowd = humans(random, f"seed-{seed}-{number}", 20)
        stage = Stage(shop, store, webhooks, random)
        stage.play(crowd)
        assert stage.wrongs(crowd) == [], stage.wrongs(crowd)[0]


def yes_wins_a_tie(told: Iterable[Evidence]) -> Evidence | None:
    strong = [one for one in told if not one.weak]
    return max(strong, key=lambda one: (one.at, not one.no), default=None)


def imports_count(told: Iterable[Evidence]) -> Evidence | None:
    return max(told, key=lambda one: (one.at, one.no), default=None)


TIE = Human("tie@example.com", "+33611111111", (Act("email", "admin", True, 3), Act("email", "brevo", False, 3)))
IMPORTED = Human(
    "imported@example.com", "+33611111112", (Act("email", "brevo", False, 3), Act("email", "import", True, 4))
)


@pytest.mark.parametrize(("broken", "human"), [(yes_wins_a_tie, TIE), (imports_count, IMPORTED), (standing, TIE)])
@pytest.mark.long
def test_a_rule_that_is_laxer_is_counted(
    shop: ConnectedShop,
    store: StoreProcess,
    webhooks: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[Iterable[Evidence]], Evidence | None],
    human: Human,
) -> None:
    """The controls: a tie that goes to the yes, an import that subscribes again. The last is the rule in force."""
    monkeypatch.setattr(consent, "standing", broken)
    suffix = broken.__name__.replace("_", "-")
    other = Human(f"{suffix}-{human.email}", human.phone.replace("11111", f"1{len(suffix):02d}11"), human.acts)
    crowd: Sequence[Human] = [other]
    stage = Stage(shop, store, webhooks, Random(1))
    stage.play(crowd)
    found = {wrong.split(": ")[1] for wrong in stage.wrongs(crowd)}
    assert found == set() if broken is standing else {"mailed", "on the list"} <= found
