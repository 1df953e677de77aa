"""One Brevo account, through Brevo's SDK, with one owner of retries: the caller.

Why the SDK is held at arm's length (brevo-python 5.1.0, read in its source or seen against a test server):

* it repeats POSTs on 408, 409, 429 and 5xx by itself: ``max_retries=0``;
* its request models refuse floats and turn True into 1 inside free-form fields: bodies are plain dicts with
  wire names and go in as ``additional_body_parameters``, past the models;
* its answer models rename fields and raise TypeError or ParsingError on unexpected ones, and **an error status
  with an empty body is returned as success**: answers are read as they came, not as it returns them;
* path arguments are not percent-encoded: done here;
* with BREVO_CLIENT_ID in the environment it sends an OAuth token of another account beside the key: off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote

import httpx
from brevo import Brevo
from brevo.core.request_options import RequestOptions

from connector.brevo.limits import Grant, Limiter
from connector.brevo.verdicts import PROVIDER, Kind, verdict
from connector.clock import monotonic, pause
from connector.errors import OutcomeUnknown, RateLimited, Retry, TooLate
from connector.http import CallFailed, Http, Late, NotSent, classify, hearing, leaving_by
from connector.settings import Settings

JSON = dict[str, Any]


class BrevoAccount:
    """Calls on behalf of one shop. Take from the limiter before claiming the work that the call is for.

    Every method raises a ProviderError that says what to do next; ``after`` of a Retry is in machine seconds.
    """

    def __init__(
        self,
        shop_id: int,
        api_key: str,
        settings: Settings,
        http: Http,
        limiter: Limiter,
        *,
        tier: str = "general",
    ) -> None:
        self.shop_id = shop_id
        self._key = api_key
        self._settings = settings
        self._http = http
        self._limiter = limiter
        self._tier = tier
        # What limits count against: two shops with one key share its buckets. The key itself goes nowhere.
        self._account = hashlib.sha256(api_key.encode()).hexdigest()[:16]

    # Limits

    def take(self, bucket: str, count: int = 1) -> float:
        """Take ``count`` calls: 0 when granted, else machine seconds until it is worth asking again."""
        return self.grab(bucket, count, at_least=count).wait

    def grab(self, bucket: str, most: int, *, at_least: int = 1) -> Grant:
        """Take up to ``most`` calls. ``wait`` of the grant is in machine seconds."""
        grant = self._limiter.grab(self._account, bucket, most, at_least=at_least, tier=self._tier)
        return replace(grant, wait=self._machine_seconds(grant.wait))

    def give_back(self, bucket: str, grant: Grant, calls: int) -> None:
        """Return calls of the grant that were not made."""
        self._limiter.give_back(self._account, bucket, grant, calls)

    def await_turn(self, bucket: str, patience: float = 5.0) -> None:
        """Take one call, letting machine time pass until there is one. For set-up and for rare second calls.

        Raises RateLimited when that would take more than ``patience`` machine seconds.
        """
        until = monotonic() + patience
        while (wait := self.take(bucket)) > 0:
            if monotonic() + wait > until:
                raise RateLimited(PROVIDER, f"our share of the limit on {bucket} is used up", after=wait)
            pause(wait)

    # Account

    def account(self) -> JSON:
        """GET /account."""
        return self._json(self._sdk.account.get_account, Kind.READ, "other")

    def senders(self) -> list[JSON]:
        """GET /senders: [{id, name, email, active, ...}]."""
        found = self._json(self._sdk.senders.get_senders, Kind.READ, "other")
        return _dicts(found.get("senders"))

    # Contacts

    def attributes(self) -> list[JSON]:
        """GET /contacts/attributes: [{name, category, type, ...}]."""
        found = self._json(self._sdk.contacts.get_attributes, Kind.READ, "contacts")
        return _dicts(found.get("attributes"))

    def create_attribute(self, category: str, name: str, kind: str) -> None:
        """POST /contacts/attributes/{category}/{name}. Refused when it exists."""
        create = self._sdk.contacts.create_attribute
        path = (quote(category, safe=""), quote(name, safe=""))
        self._call(create, Kind.IDEMPOTENT, "contacts", *path, body={"type": kind})

    def upsert_contact(self, body: Mapping[str, Any]) -> int | None:
        """POST /contacts. Returns the id of a created contact, None when one was updated (204)."""
        create = self._sdk.contacts.create_contact
        answer = self._call(create, Kind.IDEMPOTENT, "contacts", body=body)
        return answer.body.get("id") if isinstance(answer.body, dict) else None

    def update_contact(
        self, identifier: str, body: Mapping[str, Any], identifier_type: str = "email_id"
    ) -> None:
        """PUT /contacts/{identifier}?identifierType= (email_id, contact_id, ext_id, phone_id)."""
        update = self._sdk.contacts.update_contact
        self._call(
            update,
            Kind.IDEMPOTENT,
            "contacts",
            quote(identifier, safe=""),
            body=body,
            query={"identifierType": identifier_type},
        )

    def get_contact(self, identifier: str, identifier_type: str = "email_id") -> JSON | None:
        """GET /contacts/{identifier}; None when there is no such contact."""
        get = self._sdk.contacts.get_contact_info
        answer = self._call(
            get,
            Kind.READ,
            "contacts",
            quote(identifier, safe=""),
            query={"identifierType": identifier_type},
            missing_is_answer=True,
        )
        return None if answer.status == 404 else _object(answer, Kind.READ)

    def create_event(self, body: Mapping[str, Any]) -> None:
        """POST /events. Not idempotent at Brevo: OutcomeUnknown means that it may have been recorded."""
        create = self._sdk.event.create_event
        required = {"event_name": body["event_name"], "identifiers": dict(body["identifiers"])}
        self._call(create, Kind.ONCE, "events", body=body, **required)

    # Email

    def send_email(self, body: Mapping[str, Any], *, leave_by: float | None = None) -> str:
        """POST /smtp/email. Returns the message id.

        ``leave_by`` (monotonic seconds): if the first byte would leave later, it does not: Retry.
        """
        send = self._sdk.transactional_emails.send_transac_email
        with leaving_by(leave_by):
            answer = self._call(send, Kind.ONCE, "email", body=body)
        message_id = _object(answer, Kind.ONCE).get("messageId")
        if not isinstance(message_id, str) or not message_id:
            # Accepted by the status, but nothing to recognise it by: to be looked up, not to be sent again.
            raise OutcomeUnknown(PROVIDER, "the answer has no messageId", status=answer.status)
        return message_id

    def emails(self, email: str, start: str, end: str) -> list[JSON]:
        """GET /smtp/emails to one address between two days (YYYY-MM-DD): [{messageId, subject, date, tags}].

        Its own narrow limit: bucket "email_log".
        """
        found = self._json(
            self._sdk.transactional_emails.get_transac_emails_list,
            Kind.READ,
            "email_log",
            query={"email": email, "startDate": start, "endDate": end, "limit": 500},
        )
        return _dicts(found.get("transactionalEmails"))

    # Webhooks

    def webhooks(self) -> list[JSON]:
        """GET /webhooks?type=transactional: [{id, url, events, ...}]; a 404 says that there are none."""
        get = self._sdk.webhooks.get_webhooks
        answer = self._call(
            get, Kind.READ, "other", query={"type": "transactional"}, missing_is_answer=True
        )
        return [] if answer.status == 404 else _dicts(_object(answer, Kind.READ).get("webhooks"))

    def create_webhook(self, body: Mapping[str, Any]) -> int:
        """POST /webhooks. Returns its id."""
        create = self._sdk.webhooks.create_webhook
        answer = self._call(create, Kind.ONCE, "other", body=body, url=body["url"])
        return int(_object(answer, Kind.ONCE).get("id") or 0)

    def update_webhook(self, webhook_id: int, body: Mapping[str, Any]) -> None:
        """PUT /webhooks/{id}."""
        update = self._sdk.webhooks.update_webhook
        self._call(update, Kind.IDEMPOTENT, "other", webhook_id, body=body)

    # The one way out

    @cached_property
    def _sdk(self) -> Brevo:
        return Brevo(
            api_key=self._key,
            base_url=self._settings.brevo_base_url,
            httpx_client=self._http.provider,
            max_retries=0,
            client_id=None,
            client_secret=None,
        )

    def _json(self, method: Callable[..., Any], kind: Kind, bucket: str, **options: Any) -> JSON:
        return _object(self._call(method, kind, bucket, **options), kind)

    def _call(
        self,
        method: Callable[..., Any],
        kind: Kind,
        bucket: str,
        *path: Any,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        missing_is_answer: bool = False,
        **required: Any,
    ) -> _Answer:
        """One call. A 401 is asked once more: stray ones are known, and they accepted nothing."""
        options: RequestOptions = {"max_retries": 0}
        if body is not None:
            options["additional_body_parameters"] = dict(body)
        if query:
            options["additional_query_parameters"] = dict(query)
        call = partial(method, *path, **required, request_options=options)
        answer = self._ask(call, kind, bucket)
        if answer.status == 401:
            answer = self._ask(call, kind, bucket)
        if answer.usable or (missing_is_answer and answer.status == 404):
            return answer
        error = verdict(answer.status, answer.body, answer.headers, kind)
        if isinstance(error, RateLimited):
            error.after = self._machine_seconds(error.after)
        raise error

    def _ask(self, call: Callable[[], Any], kind: Kind, bucket: str) -> _Answer:
        with hearing() as heard:
            try:
                call()
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
        self._limiter.observe(self._account, bucket, answer.status, answer.headers, tier=self._tier)
        return answer

    def _machine_seconds(self, wire_seconds: float) -> float:
        rate = self._settings.wire_rate
        return wire_seconds / rate if rate > 0 else wire_seconds


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: Any
    usable: bool


def _read(response: httpx.Response) -> _Answer:
    body: Any = None
    usable = response.is_success
    if response.content.strip():
        try:
            body = response.json()
        except ValueError:
            # A page of an edge server: whatever its status says, the API did not say it.
            body, usable = response.text, False
    return _Answer(response.status_code, _lower(response.headers), body, usable)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _object(answer: _Answer, kind: Kind) -> JSON:
    if not isinstance(answer.body, dict):
        raise verdict(answer.status, answer.body, answer.headers, kind)
    return answer.body


def _dicts(value: Any) -> list[JSON]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
