"""The account itself: who it is, its senders, how it shows money."""

from __future__ import annotations

from connector.brevo.calls import JSON, Calls, dicts, object_of
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
        return _id_in(self.account())

    def senders(self) -> list[JSON]:
        """GET /senders: [{id, name, email, active, ...}]."""
        found = self._json(self._sdk.senders.get_senders, Kind.READ, "other")
        return dicts(found.get("senders"))

    def domains(self) -> list[JSON]:
        """GET /senders/domains: [{domain_name, verified, authenticated, ...}]."""
        return dicts(self._json(self._sdk.domains.get_domains, Kind.READ, "other").get("domains"))

    def domain(self, name: str) -> JSON | None:
        """GET /senders/domains/{domain}: {verified, authenticated, dns_records: {dkim_record: {status, ...}, ...}};
        None when the account does not know it.
        """
        get = self._sdk.domains.get_domain_configuration
        answer = self._call(get, Kind.READ, "other", name, missing_is_answer=True)
        return None if answer.status == 404 else object_of(answer, Kind.READ)

    def display_currency(self) -> str:
        """GET /ecommerce/config/displayCurrency: an ISO 4217 code, in which Brevo shows all amounts.

        ActionNeeded (403) when e-commerce is not activated.
        """
        get = self._sdk.ecommerce.get_the_iso4217compliant_display_currency_code_for_your_brevo_account
        return str(self._json(get, Kind.READ, "other").get("code") or "")

    def learn_day(self, own_left: int | None) -> str | None:
        """Ask Brevo how much of the plan's day is left, when there is a call for it; ``own_left`` is our own count.

        Returns what ``account_id`` does; None also when there was no call.
        """
        answer = self.account() if self.take("other", lane="maintenance") == 0 else None
        told = None if answer is None else daily_left(answer)
        left = min((count for count in (told, own_left) if count is not None), default=None)
        if left is not None:
            self._limiter.tell_day(self.identity, None if told is None else FREE_DAILY, left)
        return None if answer is None else _id_in(answer)


def _id_in(account: JSON) -> str | None:
    found = account.get("organization_id") or account.get("email")
    return str(found) if found else None
