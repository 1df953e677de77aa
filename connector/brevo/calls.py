"""Calls of one Brevo account, through Brevo's SDK, with one owner of retries: the caller.

Why the SDK is held at arm's length (brevo-python 5.1.0, read in its source or seen against a test server):

* it repeats POSTs on 408, 409, 429 and 5xx by itself: ``max_retries=0``;
* its request models refuse floats and turn True into 1 inside free-form fields: bodies are plain dicts with
  wire names and go in as ``additional_body_parameters``, past the models;
* its answer models rename fields and raise TypeError or ParsingError on unexpected ones, and **an error status
  with an empty body is returned as success**: answers are read as they came, not as it returns them;
* path arguments are not percent-encoded: done here, for every one;
* with BREVO_CLIENT_ID in the environment it sends an OAuth token of another account beside the key: off. It is given
  no credential at all: each call brings its own headers, so that a renewed token reaches the next attempt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib import import_module
from typing import Any
from urllib.parse import quote

import httpx
import orjson
from brevo import Brevo
from brevo.core.request_options import RequestOptions

from connector.brevo.buckets import BUCKETS, Limit, Room
from connector.brevo.credentials import Credential, Headers
from connector.brevo.limits import DAY, Grant, Limiter
from connector.brevo.verdicts import PROVIDER, Kind, verdict
from connector.clock import monotonic, pause
from connector.errors import CredentialRefused, OutcomeUnknown, ProviderError, RateLimited, Refused, Retry, TooLate
from connector.http import CallFailed, Http, Late, NotSent, classify, hearing
from connector.settings import Settings

JSON = dict[str, Any]

# The SDK imports each of these when it is first asked for.
FAMILIES = (
    "account",
    "contacts",
    "coupons",
    "domains",
    "ecommerce",
    "event",
    "process",
    "senders",
    "transactional_emails",
    "transactional_sms",
    "transactional_whats_app",
    "webhooks",
    "whats_app_campaigns",
)


def load_every() -> None:
    """Import what calls would on first use: of whoever copies itself the copies share it. Nothing is opened."""
    import_module("httpcore")
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as nobody:
        sdk = Brevo(api_key="", httpx_client=nobody)
        for family in FAMILIES:
            getattr(sdk, family)


class Calls:
    """Makes calls on behalf of one shop. Take from the limiter before claiming the work that the call is for.

    Every method raises a ProviderError that says what to do next; ``after`` of a Retry is in machine seconds.
    """

    def __init__(
        self,
        shop_id: int,
        credential: Credential,
        settings: Settings,
        http: Http,
        limiter: Limiter,
        *,
        tier: str = "general",
        account: str | None = None,
    ) -> None:
        """``account``: what ``account_id`` once answered for this credential, if that is known."""
        self.shop_id = shop_id
        self._credential = credential
        self._settings = settings
        self._http = http
        self._limiter = limiter
        self._tier = tier
        # What limits count against: two shops of one account share its buckets, whatever their keys. The key itself
        # goes nowhere.
        seed = f"account {account}" if account else credential.seed
        self._account = hashlib.sha256(seed.encode()).hexdigest()[:16]
        self.heard: Mapping[str, str] = {}
        """The headers of the newest answer, with lower-case names."""

    @property
    def identity(self) -> str:
        """The same for two shops with one account, or one key: they share its limits."""
        return self._account

    # Limits

    def take(self, bucket: str, count: int = 1, *, lane: str = "live") -> float:
        """Take ``count`` calls: 0 when granted, else machine seconds until it is worth asking again."""
        return self.grab(bucket, count, at_least=count, lane=lane).wait

    def grab(self, bucket: str, most: int, *, at_least: int = 1, lane: str = "live") -> Grant:
        """Take up to ``most`` calls. ``wait`` of the grant is in machine seconds.

        ``lane``: "live" when a customer or a flow waits for the call, "watch" and "bulk" for back-fills, "maintenance"
        when nobody waits (LANES of ``connector.brevo.buckets``).
        """
        grant = self._limiter.grab(self._account, bucket, most, at_least=at_least, tier=self._tier, lane=lane)
        return replace(grant, wait=self.machine_seconds(grant.wait))

    def give_back(self, bucket: str, grant: Grant, calls: int) -> None:
        """Return calls of the grant that were not made."""
        self._limiter.give_back(self._account, bucket, grant, calls)

    def grab_of_day(self, most: int, part: int, daily: int | None) -> Grant:
        """Take up to ``most`` emails out of the plan's day (``connector.brevo.plan``). ``wait`` is in wire seconds."""
        return self._limiter.grab_of_day(self._account, most, part, daily)

    def give_back_of_day(self, grant: Grant, emails: int) -> None:
        """Return emails of the grant that were not sent."""
        self._limiter.give_back(self._account, DAY, grant, emails)

    def first_in_an_hour(self) -> bool:
        """Whether it is time to ask Brevo about the plan: true for one caller in an hour of machine time."""
        return self._limiter.first_in_an_hour(self._account)

    def drain_seconds(self, bucket: str, calls: int, *, lane: str = "live") -> float:
        """Machine seconds that ``calls`` waiting calls will take at the limit as it is known now."""
        wire = self._limiter.drain_seconds(self._account, bucket, calls, tier=self._tier, lane=lane)
        return self.machine_seconds(wire)

    def answered(self) -> dict[str, int]:
        """{bucket: calls of the account that were answered}, for telling how many something took."""
        return self._limiter.answered(self._account)

    def room(self, bucket: str, *, lane: str = "live") -> Room:
        """What the bucket leaves this lane from now on, in wire seconds."""
        return self._limiter.room(self._account, bucket, tier=self._tier, lane=lane)

    def known_limits(self) -> dict[str, tuple[Limit, float | None]]:
        """{bucket: the limit that it goes by, and how many wire seconds ago an answer told it; None: the table's}"""
        found: dict[str, tuple[Limit, float | None]] = {}
        for bucket, table in BUCKETS.items():
            learned = self._limiter.learned(self._account, bucket)
            found[bucket] = learned if learned is not None else (table.limit(self._tier), None)
        return found

    def await_turn(self, bucket: str, patience: float = 5.0, *, lane: str = "live") -> None:
        """Take one call, letting machine time pass until there is one. For set-up and for rare second calls.

        Raises RateLimited when that would take more than ``patience`` machine seconds.
        """
        until = monotonic() + patience
        while (wait := self.take(bucket, lane=lane)) > 0:
            if monotonic() + wait > until:
                raise RateLimited(PROVIDER, f"our share of the limit on {bucket} is used up", after=wait)
            pause(wait)

    # The one way out

    @cached_property
    def _sdk(self) -> Brevo:
        return Brevo(
            base_url=self._settings.brevo_base_url,
            httpx_client=self._http.provider,
            max_retries=0,
            client_id=None,
            client_secret=None,
        )

    def _json(self, method: Callable[..., Any], kind: Kind, bucket: str, **options: Any) -> JSON:
        return object_of(self._call(method, kind, bucket, **options), kind)

    def _call(
        self,
        method: Callable[..., Any],
        kind: Kind,
        bucket: str,
        *path: Any,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        missing_is_answer: bool = False,
        patience: float | None = None,
        **required: Any,
    ) -> Answer:
        """One call. ``path``: the arguments of the address, as they are: they are encoded here. ``patience``: machine
        seconds, where the time-out of all calls is too short.

        A refused credential is renewed where it can be and shown once more: stray 401s are known, and they accepted
        nothing. An address that Brevo does not know (also a 401) is no fault of the credential's.
        """
        options: RequestOptions = {"max_retries": 0}
        if patience is not None:
            options["timeout"] = patience
        if body is not None:
            options["additional_body_parameters"] = dict(body)
        if query:
            options["additional_query_parameters"] = dict(query)
        call = partial(method, *(_segment(one) for one in path), **required)
        headers = self._credential.headers()
        answer = self._ask(call, options, headers, kind, bucket)
        error = self._error(answer, kind)
        if isinstance(error, CredentialRefused):
            answer = self._ask(call, options, self._credential.renewed(headers), kind, bucket)
            error = self._error(answer, kind)
        if error is None or (missing_is_answer and answer.status == 404):
            return answer
        if isinstance(error, RateLimited):
            error.after = self.machine_seconds(error.after)
        raise error

    @staticmethod
    def _error(answer: Answer, kind: Kind) -> ProviderError | None:
        return None if answer.usable else verdict(answer.status, answer.body, answer.headers, kind)

    def _ask(
        self, call: Callable[..., Any], options: RequestOptions, headers: Headers, kind: Kind, bucket: str
    ) -> Answer:
        if (wait := self._limiter.blocked(self._account, bucket)) > 0:
            raise RateLimited(PROVIDER, f"the limit on {bucket} is reached", after=self.machine_seconds(wait))
        with hearing() as heard:
            try:
                call(request_options={**options, "additional_headers": dict(headers)})
            except (httpx.HTTPError, httpx.InvalidURL, CallFailed) as error:
                failure = classify(error)
                if isinstance(failure, Late):
                    raise TooLate(PROVIDER, str(failure)) from error
                if isinstance(failure, NotSent) or kind is not Kind.ONCE:
                    raise Retry(PROVIDER, str(failure)) from error
                raise OutcomeUnknown(PROVIDER, str(failure)) from error
            except Exception:
                # What the SDK makes of an answer is not looked at: an error of its models (TypeError for a list
                # where it expects an object) says nothing of what Brevo did with the request.
                if not heard:
                    raise
        answer = _read(heard[-1])
        self.heard = answer.headers
        self._limiter.observe(self._account, bucket, answer.status, answer.headers, tier=self._tier)
        return answer

    def machine_seconds(self, wire_seconds: float) -> float:
        """How long so much wire time lasts."""
        rate = self._settings.wire_rate
        return wire_seconds / rate if rate > 0 else wire_seconds


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any
    usable: bool


def _read(response: httpx.Response) -> Answer:
    body: Any = None
    usable = response.is_success
    if response.content.strip():
        try:
            body = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            # A page of an edge server, or half an answer: whatever its status says, the API did not say it.
            body, usable = response.text, False
    return Answer(response.status_code, _lower(response.headers), body, usable)


def _segment(value: object) -> str:
    """One part of an address. Raises Refused for what would name another address, whatever the encoding."""
    text = str(value)
    try:
        encoded = quote(text, safe="")
    except UnicodeEncodeError:
        encoded = ""
    if encoded in ("", ".", ".."):
        raise Refused(PROVIDER, f"{text[:40]!r} is nothing that Brevo could be asked about", code="bad_identifier")
    return encoded


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def object_of(answer: Answer, kind: Kind) -> JSON:
    if not isinstance(answer.body, dict):
        raise verdict(answer.status, answer.body, answer.headers, kind)
    return answer.body


def dicts(value: Any) -> list[JSON]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
