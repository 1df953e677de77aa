"""What happens between a shop and the app it installed: uninstalled, other scopes, and the law's three topics."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.store import app_payloads
from sandbox.store.deed import Deed, customer_of

# The platform sends shop/redact this long after the app was uninstalled, in business time.
REDACT_AFTER_SECONDS = 48 * 3600


def uninstall(deed: Deed) -> None:
    """Every token dies at once, `app/uninstalled` leaves, and 48 hours later `shop/redact`, unless the app is back."""
    shop = deed.shop
    if not shop.installation.present:
        raise ValueError("no app is installed")
    shop.installation.remove(deed.now)
    deed.news.append(("app/uninstalled", f"shop/{shop.id}", app_payloads.shop(shop)))
    deed.later.append((deed.now + REDACT_AFTER_SECONDS, "redact_shop", {"uninstalled_at": deed.now}))


def redact_shop(deed: Deed, uninstalled_at: float | None = None) -> None:
    """`shop/redact`: now, or, when it says for which uninstall, only if the app has not come back since."""
    found = deed.shop.installation
    if uninstalled_at is not None and (found.present or found.removed_at != uninstalled_at):
        raise ValueError("the app has been installed again")
    deed.news.append(("shop/redact", f"shop/{deed.shop.id}", app_payloads.shop_redact(deed.shop)))


def update_scopes(deed: Deed, scopes: list[str]) -> None:
    """The merchant grants other scopes than before."""
    found = deed.shop.installation
    previous, found.scopes = found.scopes, set(scopes)
    deed.touched |= {"scopes": sorted(found.scopes)}
    body = app_payloads.scopes_update(deed.shop, previous, found.scopes, deed.now)
    deed.news.append(("app/scopes_update", f"shop/{deed.shop.id}", body))


def request_data(deed: Deed, email: str | None = None, customer: int | None = None) -> None:
    """A customer asks the merchant for the data that is held of them."""
    person = customer_of(deed.shop, email, customer)
    number = deed.shop.next_id("data request", 90_000)
    deed.touched |= {"customer_id": person.id, "data_request_id": number}
    body = app_payloads.data_request(deed.shop, person, number)
    deed.news.append(("customers/data_request", f"customer/{person.id}", body))


def redact_customer(deed: Deed, email: str | None = None, customer: int | None = None) -> None:
    """A customer is to be forgotten, with all their orders. The store's own record is left as it is."""
    person = customer_of(deed.shop, email, customer)
    deed.touched |= {"customer_id": person.id}
    body = app_payloads.customer_redact(deed.shop, person)
    deed.news.append(("customers/redact", f"customer/{person.id}", body))


DEEDS: tuple[Callable[..., None], ...] = (uninstall, redact_shop, update_scopes, request_data, redact_customer)
