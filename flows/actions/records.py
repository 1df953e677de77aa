"""What actions have changed in the records that are kept of people, which this package does not keep itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from connector.brevo.client import BrevoAccount
from connector.deps import Deps
from connector.scope import Scope
from connector.shops import Shop

Changed = Mapping[str, Any]
Why = str
"""Why it was not done: a code, as of NotDone."""


class Records(Protocol):
    """Whatever takes a scope is called under the person's lock. ``besides``: what the event says that tells of it."""

    def retag(self, scope: Scope, person_id: int, added: Sequence[str], removed: Sequence[str]) -> None:
        """The store has given the customer these tags and taken these away."""

    def unready(self, scope: Scope, person_id: int, field: str) -> Why | None:
        """Why points or tier (``field``) cannot be changed; ``standing_unknown`` as long as the store that holds it has
        not told what it is. None: it can."""

    def award(self, scope: Scope, person_id: int, points: int, besides: Mapping[str, Any]) -> Changed | Why:
        """So many points more or less: ``{points, before}``."""

    def place(self, scope: Scope, person_id: int, tier: str, besides: Mapping[str, Any]) -> Changed | Why:
        """This tier: ``{tier, before}``."""

    def move(self, scope: Scope, person_id: int, up: bool, besides: Mapping[str, Any]) -> Changed | Why:
        """The next tier up or down: ``{tier, before}``."""

    def fill(self, deps: Deps, shop: Shop, account: BrevoAccount, values: Mapping[str, Any]) -> tuple[Changed, Changed]:
        """Values as attributes of a contact, made at Brevo where they are missing: {name: value} as it is sent, and
        {name: why not} of the others. Raises ProviderError."""

    def list_id(self, deps: Deps, shop: Shop, account: BrevoAccount, named: str | int, make: bool) -> int | None:
        """The number of the list, made where ``make``; None when there is none. Raises ProviderError."""

    def own_lists(self, shop: Shop) -> frozenset[int]:
        """The lists on which people are by their consent."""
