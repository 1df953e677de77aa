"""What goes on at the stores of a test: people subscribe, leave checkouts, buy, and want no more mail.

Everybody has an address of one shop only. Which emails must arrive in the end is read from the store's own state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.e2e.audit import Letter
from tests.e2e.platforms import Platforms, account_of

HOUR, DAY = 3600.0, 86400.0
# Business time from subscribing, or from leaving a checkout, to each email of the flows that ship.
WELCOME = {"hello": 0.0, "story": 2 * DAY, "favourites": 4 * DAY, "guide": 6 * DAY, "last-call": 8 * DAY}
CART = {"reminder": HOUR, "second-look": 25 * HOUR, "any-questions": 49 * HOUR, "last-chance": 73 * HOUR}


@dataclass(frozen=True)
class Left:
    """A checkout that somebody left."""

    shop: str
    email: str
    label: str


class Trade:
    def __init__(self, platforms: Platforms, newcomers: Mapping[str, int], chance: Random) -> None:
        """``newcomers``: how many come in at each shop at a time."""
        self._platforms = platforms
        self._newcomers = newcomers
        self._chance = chance
        self._people = 0
        self.left: list[Left] = []

    def come_in(self) -> None:
        """They subscribe and leave a checkout."""
        for shop, people in self._newcomers.items():
            for _ in range(people):
                self._people += 1
                email = f"shopper{self._people}@{shop.partition('.')[0]}.example"
                one = Left(shop, email, f"cart-{self._people}")
                self._platforms.act("create_customer", shop, email=email, accepts_marketing=True)
                self._platforms.act("start_checkout", shop, email=email, label=one.label)
                self.left.append(one)

    def buy(self, people: int) -> None:
        """Some come back to their checkouts and complete them."""
        for _ in range(min(people, len(self.left))):
            one = self._somebody()
            self._platforms.act("complete_checkout", one.shop, checkout=one.label)

    def unsubscribe(self, people: int) -> None:
        for _ in range(min(people, len(self.left))):
            one = self._somebody()
            self._platforms.act("set_consent", one.shop, email=one.email, state="unsubscribed")

    def _somebody(self) -> Left:
        return self.left.pop(self._chance.randrange(len(self.left)))


def due_letters(shops: Mapping[str, Any], now: float, within: float = 0.0) -> set[Letter]:
    """What people must have been sent by ``now`` who neither bought nor unsubscribed.

    ``shops``: the store's state; ``within``: business seconds that an email may take.
    """
    letters = set()
    for shop, state in shops.items():
        account = account_of(shop)
        for customer in state["customers"]:
            if customer["consent"] == "subscribed" and not customer["orders"]:
                since = now - within - customer["consent_updated_at"]
                letters |= {
                    (account, customer["email"], "welcome", name) for name, at in WELCOME.items() if at <= since
                }
        gone = {c["email"] for c in state["customers"] if c["consent"] != "subscribed" or c["orders"]}
        for checkout in state["checkouts"]:
            if checkout["completed_at"] is None and checkout["email"] not in gone:
                since = now - within - checkout["last_edit_at"]
                letters |= {
                    (account, checkout["email"], "cart-recovery", name) for name, at in CART.items() if at <= since
                }
    return letters
