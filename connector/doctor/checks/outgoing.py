"""The merchant's endpoints hear what they are told."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import ConnectedShop
from sync.outgoing import endpoints


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    domain = shop.shop.domain
    with shop.connection() as connection:
        found = endpoints.listed(connection, shop.shop.id)
    for one in found:
        if one.state == "disabled" and one.reason != "by_staff":
            yield broken(
                f"Webhook endpoint {one.id} was disabled: {one.why}.",
                f"Mend it, then `connector webhook enable {domain} {one.id}` and `connector webhook resend"
                f" {domain} {one.id}`; or `connector webhook remove {domain} {one.id}`.",
            )
        elif one.state == "active" and one.failing_since_real is not None:
            yield warning(
                f"Nothing arrives at webhook endpoint {one.id} since {one.failing_since_real:%Y-%m-%d %H:%M};"
                f" {one.due} wait for it.",
                f"`connector webhook attempts {domain} {one.id}` shows what it answers. After five days it is"
                " disabled.",
            )


CHECK = Check("outgoing webhooks", "The merchant's endpoints hear what they are told.", _run)
