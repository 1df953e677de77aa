"""Brevo reports to us what becomes of messages."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import ConnectedShop
from connector.models.shop import shops
from webhooks import addresses


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    again = f"Register it: `connector shop add {shop.shop.domain}` does, with the shop's credentials."
    url = addresses.of_brevo(shop.deps.settings.public_url, shop.shop.id)
    shop.await_turn()
    found = [one for one in shop.account.webhooks() if one.get("url") == url]
    if not found:
        yield broken(f"Brevo does not report to {url}: bounces and opt-outs made there do not arrive.", again)
        return
    missing = set(addresses.BREVO_EVENTS) - {str(name) for name in found[0].get("events") or ()}
    if missing:
        yield warning(f"Brevo does not report {', '.join(sorted(missing))}.", again)
    with shop.connection() as connection:
        digest = connection.scalar(select(shops.c.brevo_webhook_digest).where(shops.c.id == shop.shop.id))
    if not digest:
        yield broken("No token is known that Brevo's reports could prove themselves with: they are turned away.", again)


CHECK = Check("webhooks of Brevo", "Brevo reports what becomes of messages.", _run, 20.0, ("brevo",), calls=True)
