"""Nothing of the shop stands still."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import ConnectedShop
from connector.pauses import SURVEY, pauses


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    if not shop.shop.active:
        yield warning(f"The shop is {shop.shop.state}: nothing is applied and nothing sent.", "Connect it again.")
    with shop.connection() as connection:
        standing = pauses(connection, shop.shop.id)
    for pause in standing:
        if pause.reason == SURVEY:
            # How far it is says the check of the survey.
            continue
        if pause.by_staff:
            yield broken(
                f"The channel {pause.channel} stands still since {pause.since:%Y-%m-%d %H:%M}: {pause.detail}.",
                f'{pause.sentence} `connector channel resume {shop.shop.domain} {pause.channel} --why "..."`',
            )
            continue
        yield broken(
            f"The channel {pause.channel} is paused since {pause.since:%Y-%m-%d %H:%M}: {pause.detail}.",
            f"{pause.sentence} It is tried again by itself;"
            f" `connector channel resume {shop.shop.domain} {pause.channel}` tries at once.",
        )


CHECK = Check("pauses", "No channel is paused.", _run)
