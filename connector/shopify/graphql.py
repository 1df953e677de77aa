"""The store's Admin GraphQL API: explicit shop and token, documents from ``queries/``, a verdict per answer.

Not ShopifyAPI's GraphQL class: it has no time-out and its session belongs to the process, not to the call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

import orjson

from connector.errors import ActionNeeded, OutcomeUnknown, ProviderError, RateLimited, Refused, Retry
from connector.http import Answer, CallFailed, Http, NotSent
from connector.settings import Settings
from connector.shopify.cost import Budget, Hold, throttled_seconds

PROVIDER = "shopify"
_MESSAGE_LENGTH = 300


Path = tuple[str | int, ...]


class PartialData(Refused):
    """Some fields were answered and some refused (for example protected customer data that is not approved).

    ``data`` is what came; a null in it means "not told", never "not there". ``paths``: where in it each error struck,
    for example ("nodes", 3, "email"); () when the store did not say.
    """

    def __init__(self, message: str, data: Mapping[str, Any], *, code: str = "", paths: Sequence[Path] = ()) -> None:
        super().__init__(PROVIDER, message, status=200, code=code)
        self.data = data
        self.paths = paths

    def nodes(self) -> tuple[list[dict[str, Any] | None], set[int]]:
        """``data["nodes"]`` and the places in it that an error struck: all, when one did not say where.

        What an error struck inside a node is None as a whole, so that half a list is not taken for all of it.
        """
        told = self.data.get("nodes")
        nodes = [dict(node) if isinstance(node, dict) else None for node in told] if isinstance(told, list) else []
        struck: set[int] = set()
        for path in self.paths:
            if len(path) < 2 or path[0] != "nodes" or not isinstance(path[1], int) or path[1] >= len(nodes):
                return [None] * len(nodes), set(range(len(nodes)))
            struck.add(path[1])
            node = nodes[path[1]]
            if node is not None and len(path) > 2:
                node[str(path[2])] = None
        return nodes, struck


@cache
def document(name: str) -> str:
    """The GraphQL document ``queries/<name>.graphql``."""
    return (files("connector.shopify") / "queries" / f"{name}.graphql").read_text(encoding="utf-8")


class Tokens(Protocol):
    """Where a store's access token comes from. Both raise ActionNeeded and Retry."""

    def current(self) -> str:
        """One that is good for now."""
        ...

    def after(self, refused: str) -> str:
        """Another one, now that the store has refused this one."""
        ...


@dataclass(frozen=True)
class FixedToken:
    """The only token that there is."""

    token: str = field(repr=False)

    def current(self) -> str:
        return self.token

    def after(self, refused: str) -> str:
        raise ActionNeeded(PROVIDER, _CURES[401], status=401)


class Store:
    """One shop's store. ``domain`` is its myshopify.com domain, ``token`` its Admin API access token, or where that
    comes from: then a call that is refused for its token is made once more with the next one.
    """

    def __init__(
        self, domain: str, token: str | Tokens, settings: Settings, http: Http, budget: Budget | None = None
    ) -> None:
        self.domain = domain
        self._tokens = FixedToken(token) if isinstance(token, str) else token
        self._settings = settings
        self._http = http
        self._budget = budget
        self.heard: Mapping[str, str] = {}
        """The headers of the newest answer, with lower-case names."""

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
        token = self._tokens.current()
        hold = self._budget.take(self.domain, document_name) if self._budget is not None else Hold(0.0)
        if hold.wait > 0:
            raise RateLimited(PROVIDER, "our half of the query budget is used up", after=self._real(hold.wait))
        body = orjson.dumps({"query": text, "variables": dict(variables or {})})
        answer = self._ask(token, body, mutation)
        if answer.status == 401:
            # Nothing was executed, so this may be repeated whatever it is.
            answer = self._ask(self._tokens.after(token), body, mutation)
        if answer.status != 200:
            raise self._status_verdict(answer, mutation)
        return self._data(answer, document_name, mutation, hold)

    def _ask(self, token: str, body: bytes, mutation: bool) -> Answer:
        headers = {"X-Shopify-Access-Token": token, "Content-Type": "application/json"}
        try:
            answer = self._http.post_to_store(self.url, headers, body)
        except CallFailed as error:
            if mutation and not isinstance(error, NotSent):
                raise OutcomeUnknown(PROVIDER, str(error)) from error
            raise Retry(PROVIDER, str(error)) from error
        self.heard = answer.headers
        return answer

    def _status_verdict(self, answer: Answer, mutation: bool) -> ProviderError:
        status = answer.status
        if status in (429, 430):
            try:
                wait = max(float(answer.headers.get("retry-after", 1)), 0.0)
            except ValueError:
                wait = 1.0
            self._close(wait)
            return RateLimited(PROVIDER, "too many requests", status=status, after=self._real(wait))
        if status == 408 or status >= 500:
            if mutation and status != 408:
                return OutcomeUnknown(PROVIDER, "server error", status=status)
            return Retry(PROVIDER, "server error", status=status)
        if status in _CURES or status < 400:
            return ActionNeeded(PROVIDER, _CURES.get(status, _REDIRECT), status=status)
        return Refused(PROVIDER, answer.body[:_MESSAGE_LENGTH].decode(errors="replace"), status=status)

    def _data(self, answer: Answer, document_name: str, mutation: bool, hold: Hold) -> dict[str, Any]:
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
            self._budget.observe(self.domain, document_name, cost, hold)
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
            wait = throttled_seconds(cost)
            self._close(wait)
            return RateLimited(PROVIDER, message, status=200, code=code, after=self._real(wait))
        if codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"}:
            return Retry(PROVIDER, message, status=200, code=code)
        if isinstance(data, dict) and any(value is not None for value in data.values()):
            return PartialData(message, data, code=code, paths=[_path(error) for error in listed])
        if "ACCESS_DENIED" in codes:
            return ActionNeeded(PROVIDER, f"the app lacks a scope: {message}", status=200, code=code)
        return Refused(PROVIDER, message, status=200, code=code)

    def _close(self, wire_seconds: float) -> None:
        if self._budget is not None:
            self._budget.close(self.domain, wire_seconds)

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


def _path(error: Mapping[str, Any]) -> Path:
    told = error.get("path")
    return tuple(told) if isinstance(told, list) else ()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
