"""What Brevo's webhooks tell is whole: its statistics knew nothing more."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, warning
from connector.doctor.subject import ConnectedShop
from sync.reports import passes

# Some are always lost: Brevo gives up on a delivery after any answer but one.
_FEW = 10


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    with shop.connection() as connection:
        looks = passes.standing(connection, shop.shop.id)
    for one in looks:
        missed = sum(one["found"].values())
        if missed > _FEW:
            yield warning(
                f"{missed} events of {one['channel']} were in Brevo's statistics that no webhook had told.",
                "They are applied. See that Brevo reaches PUBLIC_URL, and what `webhooks of Brevo` says;"
                f" `connector channel reports {shop.shop.domain}` shows what they were.",
            )
        if one["reason"]:
            yield warning(
                f"Brevo's statistics of {one['channel']} could not be read: {one['reason']}.",
                "It is tried again by itself. Until then what a webhook did not tell is not known.",
            )


CHECK = Check("reports of Brevo", "Brevo's webhooks told what its statistics know.", _run)
