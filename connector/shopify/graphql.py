"""The store's Admin GraphQL API: explicit shop and token, documents from ``queries/``, a verdict per answer.

Not ShopifyAPI's GraphQL class: it has no time-out and its session belongs to the process, not to the call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from connector.errors import ActionNeeded, OutcomeUnknown, ProviderError, RateLimited, Refused, Retry
from connector.http import Answer, CallFailed, Http, NotSent
from connector.settings import Settings
from connector.shopify.cost import Budget, throttled_seconds

PROVIDER = "shopify"
_MESSAGE_LENGTH = 300


class PartialData(Refused):
    """Some fields were answered and some refused (for example protected customer data that is not approved).

    ``data`` is what came; a null in it means "not told", never "not there".
    """

    def __init__(self, message: str, data: Mapping[str, Any], *, code: str = "") -> None:
        super().__init__(PROVIDER, message, status=200, code=code)
        self.data = data


@cache
def document(name: str) -> str:
    """The GraphQL document ``queries/<name>.graphql``."""
    return (files("connector.shopify") / "queries" / f"{name}.graphql").read_text(encoding="utf-8")


class Store:
    """One shop's store. ``domain`` is its myshopify.com domain, ``token`` its Admin API access token."""

    def __init__(
        self, domain: str, token: str, settings: Settings, http: Http, budget: Budget | None = None
    ) -> None:
        self.domain = domain
        self._token = token
        self._settings = settings
        self._http = http
        self._budget = budget

    @property
    def url(self) -> str:
        base = self._settings.shopify_base_url.replace("{shop}", self.domain)
        return f"{base}/admin/api/{self._settings.shopify_api_version}/graphql.json"

    def query(self, document_name: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Execute a document and return its whole ``data``.

        Raises Retry, RateLimited (also before anything was sent, when our half of the budget is used up),
        PartialData, Refused, ActionNeeded, and OutcomeUnknown for mutations only.
        """
        text = document(document_name)
        mutation = re.search(r"^\s*mutation\b", text, re.MULTILINE) is not None
        if self._budget is not None and (wait := self._budget.take(self.domain, document_name)) > 0:
            raise RateLimited(PROVIDER, "our half of the query budget is used up", after=self._real(wait))
        body = orjson.dumps({"query": text, "variables": dict(variables or {})})
        headers = {"X-Shopify-Access-Token": self._token, "Content-Type": "application/json"}
        try:
            answer = self._http.post_to_store(self.url, headers, body)
        except CallFailed as error:
            if mutation and not isinstance(error, NotSent):
                raise OutcomeUnknown(PROVIDER, str(error)) from error
            raise Retry(PROVIDER, str(error)) from error
        if answer.status != 200:
            raise self._status_verdict(answer, mutation)
        return self._data(answer, document_name, mutation)

    def _status_verdict(self, answer: Answer, mutation: bool) -> ProviderError:
        status = answer.status
        if status in (429, 430):
            try:
                wait = max(float(answer.headers.get("retry-after", 1)), 0.0)
            except ValueError:
                wait = 1.0
            return RateLimited(PROVIDER, "too many requests", status=status, after=self._real(wait))
        if status == 408 or status >= 500:
            if mutation and status != 408:
                return OutcomeUnknown(PROVIDER, "server error", status=status)
            return Retry(PROVIDER, "server error", status=status)
        if status in _CURES or status < 400:
            return ActionNeeded(PROVIDER, _CURES.get(status, _REDIRECT), status=status)
        return Refused(PROVIDER, answer.body[:_MESSAGE_LENGTH].decode(errors="replace"), status=status)

    def _data(self, answer: Answer, document_name: str, mutation: bool) -> dict[str, Any]:
        try:
            said = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            said = None
        if not isinstance(said, dict):
            if mutation:
                raise OutcomeUnknown(PROVIDER, "the answer could not be read", status=answer.status)
            raise Retry(PROVIDER, "the answer could not be read", status=answer.status)
        cost = _mapping(_mapping(said.get("extensions")).get("cost"))
        if self._budget is not None:
            self._budget.observe(self.domain, document_name, cost)
        data, errors = said.get("data"), said.get("errors")
        if errors:
            raise self._errors_verdict(errors, data, cost)
        if not isinstance(data, dict):
            raise Retry(PROVIDER, "the answer has no data", status=answer.status)
        return data

    def _errors_verdict(self, errors: Any, data: Any, cost: Mapping[str, Any]) -> ProviderError:
        # Shopify also answers {"errors": "a sentence"}.
        listed = [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
        codes = {str(_mapping(error.get("extensions")).get("code") or "") for error in listed}
        message = "; ".join(str(e.get("message")) for e in listed) if listed else str(errors)
        message, code = message[:_MESSAGE_LENGTH], ",".join(sorted(codes - {""}))
        if "THROTTLED" in codes:
            after = self._real(throttled_seconds(cost))
            return RateLimited(PROVIDER, message, status=200, code=code, after=after)
        if codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"}:
            return Retry(PROVIDER, message, status=200, code=code)
        if isinstance(data, dict) and any(value is not None for value in data.values()):
            return PartialData(message, data, code=code)
        if "ACCESS_DENIED" in codes:
            return ActionNeeded(PROVIDER, f"the app lacks a scope: {message}", status=200, code=code)
        return Refused(PROVIDER, message, status=200, code=code)

    def _real(self, wire_seconds: float) -> float:
        rate = self._settings.wire_rate
        return wire_seconds / rate if rate > 0 else wire_seconds


_CURES = {
    401: "the access token is no longer valid: connect the shop again",
    402: "the shop is frozen: its owner must settle with Shopify",
    403: "the access token may not do this: check the app's scopes",
    404: "there is no such shop or API version",
    423: "the shop is locked",
}
_REDIRECT = "the store redirects: check the shop's domain and SHOPIFY_BASE_URL"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
