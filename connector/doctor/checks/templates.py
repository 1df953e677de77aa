"""The templates at Brevo that the shop's settings name are there, and can be used."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import ConnectedShop
from connector.models.survey import brevo_templates


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    wanted = shop.shop.settings["double_opt_in"]["template_id"]
    if wanted is None:
        return
    ours = (brevo_templates.c.shop_id == shop.shop.id) & (brevo_templates.c.id == wanted)
    with shop.connection() as connection:
        found = connection.execute(select(brevo_templates).where(ours)).first()
    again = f"`connector brevo survey --shop {shop.shop.domain} --again` reads the templates again."
    if found is None:
        yield broken(f"The template {wanted} that asks to confirm an opt-in is not at Brevo: nobody is asked.", again)
    elif not found.active:
        yield broken(f"The template {wanted} ({found.name}) that asks to confirm an opt-in is not active.", again)
    elif not found.double_opt_in:
        yield warning(
            f"The template {wanted} ({found.name}) is none for double opt-in: Brevo may refuse to send it.",
            f"Give it the link {{{{ doubleoptin }}}} and the tag optin at Brevo. {again}",
        )


CHECK = Check("templates", "The templates that the settings name are at Brevo.", _run, 2.0)
