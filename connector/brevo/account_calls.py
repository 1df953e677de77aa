"""The account itself: who it is, its senders, how it shows money."""

from __future__ import annotations

from connector.brevo.calls import JSON, Calls, dicts
from connector.brevo.plan import FREE_DAILY, daily_left
from connector.brevo.verdicts import Kind


class AccountCalls(Calls):
    """The account itself: who it is, its senders, how it shows money."""

    def account(self) -> JSON:
        """GET /account."""
        return self._json(self._sdk.account.get_account, Kind.READ, "other")

    def account_id(self) -> str | None:
        """What tells this account from others, whichever of its keys is used: its organisation or its address, of GET
        /account; None when Brevo tells neither.
        """
        told = self.account()
        found = told.get("organization_id") or told.get("email")
        return str(found) if found else None

    def senders(self) -> list[JSON]:
        """GET /senders: [{id, name, email, active, ...}]."""
        found = self._json(self._sdk.senders.get_senders, Kind.READ, "other")
        return dicts(found.get("senders"))

    def display_currency(self) -> str:
        """GET /ecommerce/config/displayCurrency: an ISO 4217 code, in which Brevo shows all amounts.

        ActionNeeded (403) when e-commerce is not activated.
        """
        get = self._sdk.ecommerce.get_the_iso4217compliant_display_currency_code_for_your_brevo_account
        return str(self._json(get, Kind.READ, "other").get("code") or "")

    def learn_day(self, own_left: int | None) -> None:
        """Ask Brevo how much of the plan's day is left, when there is a call for it; ``own_left`` is our own count."""
        told = daily_left(self.account()) if self.take("other", lane="maintenance") == 0 else None
        left = min((count for count in (told, own_left) if count is not None), default=None)
        if left is not None:
            self._limiter.tell_day(self.identity, None if told is None else FREE_DAILY, left)
