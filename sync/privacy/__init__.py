"""What the law asks for: a bundle of everything that is stored of a person, and its erasure.

``field_map`` says what each table holds of people and what becomes of it. ``work`` carries out what was asked for
(``requests``). ``late`` keeps out what arrives about somebody after the erasure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.deps import Deps
from connector.shops import Shop
from sync.privacy import requests, tombstones, work
from sync.privacy.bundle import export
from sync.privacy.requests import Request
from sync.privacy.traces import Named

__all__ = ["Named", "Request", "erase_named", "erase_person", "erase_shop", "export"]

Receipt = Mapping[str, Any]


def erase_person(deps: Deps, shop: Shop, person_id: int, reason: str) -> Receipt:
    """Erase this person now, as ``customers/redact`` does; returns the receipt: counts, times and Brevo's answer.

    ``reason``: who asked, a word of ours ("staff", "cli"). When Brevo does not answer, its part is missing from the
    receipt and a worker goes on with it.
    """
    return _erase(deps, shop, Named(), reason, person_id).receipt


def erase_named(deps: Deps, shop: Shop, named: Named, reason: str) -> Request:
    """The same by what the store knows the person by, also if nobody here is known by it; the request as it stands."""
    return _erase(deps, shop, named, reason, None)


def _erase(deps: Deps, shop: Shop, named: Named, reason: str, person_id: int | None) -> Request:
    with deps.open(shop) as scope:
        whom = str(person_id) if person_id else tombstones.customer_digest(shop.salt, named.customer_id or 0)
        reference = f"{reason}:{whom}:{scope.machine.isoformat()}"
        request_id = requests.ask(scope, "redact", named, reference=reference, source="staff", person_id=person_id)
        assert request_id is not None
    return work.carry_out(deps, shop, request_id)


def erase_shop(deps: Deps, shop: Shop) -> Receipt:
    """Erase everything of a shop that has removed the app; returns the receipt.

    One that is connected is left as it is: the receipt then says only that it was asked for.
    """
    with deps.open(shop) as scope:
        reference = f"staff:{scope.machine.isoformat()}"
        request_id = requests.ask(scope, "shop_redact", Named(), reference=reference, source="staff")
        assert request_id is not None
    return work.carry_out(deps, shop, request_id).receipt
