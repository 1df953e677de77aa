"""The plan's emails of the day: who may use them, and who waits.

Messages are granted out of the day before they are claimed, like calls. One that is not goes through the gate all the
same, which puts it off with the reason ``daily_quota`` or, past its deadline, skips it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Protocol

from sqlalchemy import func, select

from connector.brevo.client import BrevoAccount
from connector.brevo.limits import Grant
from connector.brevo.plan import part_of_day
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError
from connector.logging import get
from connector.models.outbox import send_ledger
from connector.shops import Shop, name_account

log = get(__name__)

CHANNEL = "email"
# The provider's day may begin before our 24 hours are over: asked again at the latest after this. Business seconds.
_ASK_AGAIN = 3600.0


class Candidate(Protocol):
    """A message that wants to leave."""

    @property
    def id(self) -> int: ...
    @property
    def purpose(self) -> str: ...
    @property
    def priority(self) -> int: ...


class Allotment:
    """What a batch was granted out of the day. ``waits``: message id -> business seconds until it is asked again."""

    def __init__(self, account: BrevoAccount, daily: int | None, wanted: Iterable[Candidate]) -> None:
        self._account = account
        self._grants: list[tuple[Grant, list[int]]] = []
        self.waits: dict[int, float] = {}
        by_part: dict[int, list[int]] = {}
        for one in wanted:
            by_part.setdefault(part_of_day(one.purpose, one.priority), []).append(one.id)
        for part in sorted(by_part, reverse=True):
            ids = by_part[part]
            grant = account.grab_of_day(len(ids), part, daily)
            self._grants.append((grant, ids[: grant.calls]))
            self.waits.update((left_out, min(grant.wait or 1.0, _ASK_AGAIN)) for left_out in ids[grant.calls :])

    def keep(self, gone: Collection[int]) -> None:
        """These messages have left, or may have; what was granted to the others goes back."""
        for grant, ids in self._grants:
            self._account.give_back_of_day(grant, sum(1 for one in ids if one not in gone))


def allot(deps: Deps, shop: Shop, account: BrevoAccount, wanted: Iterable[Candidate]) -> Allotment:
    """Grant these messages out of the day. Once an hour, Brevo is asked first how much of it is left, and whose account
    it is: of shops connected by older versions that is not known."""
    daily = shop.settings["daily_emails"]
    if account.first_in_an_hour():
        try:
            named = account.learn_day(None if daily is None else max(0, daily - _sent_in_a_day(deps, shop)))
            if named is not None and shop.brevo_account is None:
                with transaction(deps.engine) as connection:
                    name_account(connection, shop.id, named)
        except ProviderError as error:
            log.warning("plan_not_asked", shop_id=shop.id, error=type(error).__name__)
    return Allotment(account, daily, wanted)


def _sent_in_a_day(deps: Deps, shop: Shop) -> int:
    """Our own count, for when Redis was emptied; only where the merchant set a limit, so the ledger is small."""
    recently = send_ledger.c.counted_at > deps.clock.now() - timedelta(days=1)
    mine = (send_ledger.c.shop_id == shop.id) & (send_ledger.c.channel == CHANNEL)
    with transaction(deps.engine) as connection:
        return int(connection.scalar(select(func.count()).select_from(send_ledger).where(mine, recently)) or 0)
