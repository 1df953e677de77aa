"""Nobody is left without marketing by a setting that was forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from connector.consent_policy import in_force
from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import ConnectedShop
from flows.core.permission import Consent, shown_state

_SINGLE = Consent("subscribed", "single_opt_in")


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    settings, domain = shop.shop.settings, shop.shop.domain
    if not settings["country"]:
        yield warning(
            "It is not known in which country the shop is, so neither by which rules of consent people without one go.",
            f"""`echo '{{"country": "FR"}}' | connector shop settings {domain} -` sets it.""",
        )
    elif shown_state(_SINGLE, settings["country"], "email", "newsletter", in_force(settings)) == "pending":
        chosen = settings["double_opt_in"]
        if chosen["template_id"] is None or chosen["list_id"] is None:
            yield warning(
                "Only a confirmed opt-in counts where the shop is, and nobody is asked to confirm.",
                "Make a double opt-in template and a list at Brevo, and set `double_opt_in` with their ids.",
            )


CHECK = Check("consent", "Those who agree to emails can get them.", _run, 2.0)
