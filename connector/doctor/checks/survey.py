"""Brevo has been asked what it held before, above all who had opted out."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import ConnectedShop
from connector.install import survey

_AGAIN = "`connector brevo survey --shop {} --again` asks again."


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    if not shop.shop.has_brevo:
        return
    again = _AGAIN.format(shop.shop.domain)
    with shop.connection() as connection:
        found = survey.of_shop(connection, shop.shop.id)
    if found is None:
        yield warning("Brevo was never asked who has opted out there.", again)
    elif found.state != "done" and not found.knows_opt_outs and found.reason:
        yield broken(found.sentence, f"Put right what Brevo says. {again}")
    elif found.state != "done" and not found.knows_opt_outs and found.first:
        yield warning(found.sentence, "It ends by itself; ask again in some minutes.")
    for stage, problem in found.found.get("problems", {}).items() if found else ():
        yield warning(f"Brevo did not let its {stage} be read: {problem}.", f"Give the key that permission. {again}")


CHECK = Check("survey", "It is known who had opted out at Brevo before.", _run, 2.0)
