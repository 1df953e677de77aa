"""Brevo reports to us what becomes of messages and contacts."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from sqlalchemy import select

from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import ConnectedShop
from connector.models.shop import shops
from webhooks import addresses


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    again = f"Register it: `connector shop add {shop.shop.domain}` does, with the shop's credentials."
    url = addresses.of_brevo(shop.deps.settings.public_url, shop.shop.id)
    here = {(one["type"], one["channel"]): one for one in shop.webhooks if one["url"] == url}
    if not here:
        yield broken(f"Brevo does not report to {url}: bounces and opt-outs made there do not arrive.", again)
    for wanted in addresses.BREVO_WEBHOOKS if here else ():
        found = here.get((wanted.type, wanted.channel))
        if found is None:
            missed = broken if wanted.type == "transactional" and wanted.channel == "email" else warning
            yield missed(f"Brevo does not report {wanted.about}.", again)
        elif missing := set(wanted.events) - set(found["events"]):
            yield warning(f"Of {wanted.about} Brevo does not report {', '.join(sorted(missing))}.", again)
    elsewhere = [one["url"] for one in shop.webhooks if one["url"] != url and _is_ours(one["url"], url)]
    if here and elsewhere:
        yield warning(
            f"Brevo also reports to an address that this installation had before: {', '.join(elsewhere)}.",
            "Delete that webhook at Brevo (Transactional, Settings, Webhook; for contacts Contacts, Settings).",
        )
    with shop.connection() as connection:
        digest = connection.scalar(select(shops.c.brevo_webhook_digest).where(shops.c.id == shop.shop.id))
    if here and not digest:
        yield broken("No token is known that Brevo's reports could prove themselves with: they are turned away.", again)


def _is_ours(found: str, url: str) -> bool:
    """Another address for the same shop's reports: PUBLIC_URL was another one once."""
    return urlsplit(found).path == urlsplit(url).path


CHECK = Check("webhooks of Brevo", "Brevo reports what becomes of messages.", _run, 20.0, ("brevo",), calls=True)
