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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote

import httpx
from brevo import Brevo
from brevo.core.request_options import RequestOptions

from connector.brevo.limits import DAY, Grant, Limiter
from connector.brevo.plan import FREE_DAILY, daily_left
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
        account: str | None = None,
    ) -> None:
        """``account``: what ``account_id`` once answered for this key, if that is known."""
        self.shop_id = shop_id
        self._key = api_key
        self._settings = settings
        self._http = http
        self._limiter = limiter
        self._tier = tier
        # What limits count against: two shops of one account share its buckets, whatever their keys. The key itself
        # goes nowhere.
        self._account = hashlib.sha256((f"account {account}" if account else api_key).encode()).hexdigest()[:16]
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

        ``lane``: "live" when a customer or a flow waits for the call, "bulk" for back-fills, "maintenance" when
        nobody waits (LANES of ``connector.brevo.buckets``).
        """
        grant = self._limiter.grab(self._account, bucket, most, at_least=at_least, tier=self._tier, lane=lane)
        return replace(grant, wait=self._machine_seconds(grant.wait))

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

    def learn_day(self, own_left: int | None) -> None:
        """Ask Brevo how much of the plan's day is left, when there is a call for it; ``own_left`` is our own count."""
        told = daily_left(self.account()) if self.take("other", lane="maintenance") == 0 else None
        left = min((count for count in (told, own_left) if count is not None), default=None)
        if left is not None:
            self._limiter.tell_day(self._account, None if told is None else FREE_DAILY, left)

    def drain_seconds(self, bucket: str, calls: int, *, lane: str = "live") -> float:
        """Machine seconds that ``calls`` waiting calls will take at the limit as it is known now."""
        wire = self._limiter.drain_seconds(self._account, bucket, calls, tier=self._tier, lane=lane)
        return self._machine_seconds(wire)

    def await_turn(self, bucket: str, patience: float = 5.0, *, lane: str = "live") -> None:
        """Take one call, letting machine time pass until there is one. For set-up and for rare second calls.

        Raises RateLimited when that would take more than ``patience`` machine seconds.
        """
        until = monotonic() + patience
        while (wait := self.take(bucket, lane=lane)) > 0:
            if monotonic() + wait > until:
                raise RateLimited(PROVIDER, f"our share of the limit on {bucket} is used up", after=wait)
            pause(wait)

    # Account

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
        return _dicts(found.get("senders"))

    def display_currency(self) -> str:
        """GET /ecommerce/config/displayCurrency: an ISO 4217 code, in which Brevo shows all amounts.

        ActionNeeded (403) when e-commerce is not activated.
        """
        get = self._sdk.ecommerce.get_the_iso4217compliant_display_currency_code_for_your_brevo_account
        return str(self._json(get, Kind.READ, "other").get("code") or "")

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

    def update_contact(self, identifier: str, body: Mapping[str, Any], identifier_type: str = "email_id") -> None:
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

    def delete_contact(self, identifier: str, identifier_type: str = "email_id") -> bool:
        """DELETE /contacts/{identifier}?identifierType=; False when there is no such contact."""
        delete = self._sdk.contacts.delete_contact
        query = {"identifierType": identifier_type}
        path = quote(identifier, safe="")
        answer = self._call(delete, Kind.IDEMPOTENT, "contacts", path, query=query, missing_is_answer=True)
        return answer.status != 404

    def ask_to_confirm(self, body: Mapping[str, Any]) -> None:
        """POST /contacts/doubleOptinConfirmation: {email, includeListIds, templateId, redirectionUrl, ...}.

        Each call is a mail: OutcomeUnknown means that it may have left.
        """
        ask = self._sdk.contacts.create_doi_contact
        required: dict[str, Any] = {
            "email": body["email"],
            "include_list_ids": [],
            "redirection_url": "",
            "template_id": 0,
        }
        self._call(ask, Kind.ONCE, "contacts", body=body, **required)

    def create_event(self, body: Mapping[str, Any]) -> None:
        """POST /events. Not idempotent at Brevo: OutcomeUnknown means that it may have been recorded."""
        create = self._sdk.event.create_event
        required = {"event_name": body["event_name"], "identifiers": dict(body["identifiers"])}
        self._call(create, Kind.ONCE, "events", body=body, **required)

    # E-commerce

    def activate_ecommerce(self) -> None:
        """POST /ecommerce/activate: once per account; again does no harm."""
        self._call(self._sdk.ecommerce.activate_the_e_commerce_app, Kind.IDEMPOTENT, "other")

    def put_order(self, body: Mapping[str, Any]) -> None:
        """POST /orders/status: a live order, which starts automations. The same id again updates it."""
        # What the SDK's signature wants; the body replaces it.
        required: dict[str, Any] = {
            "amount": 0,
            "created_at": "",
            "id": "",
            "products": [],
            "status": "",
            "updated_at": "",
        }
        self._call(self._sdk.ecommerce.create_order, Kind.IDEMPOTENT, "orders", body=body, **required)

    def put_history(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """POST /orders/status/batch: up to 1,000 orders, told as history: no automation starts. Taken (202), not done.

        ``historical`` is said though it is the default, because all depends on it.
        """
        put = self._sdk.ecommerce.create_batch_order
        body = {"orders": [dict(one) for one in bodies], "historical": True}
        self._call(put, Kind.IDEMPOTENT, "other", body=body, orders=[])

    def get_product(self, product_id: str) -> JSON | None:
        """GET /products/{id}; None when there is no such product. Of the narrowest limit."""
        get = self._sdk.ecommerce.get_product_info
        answer = self._call(get, Kind.READ, "other", quote(product_id, safe=""), missing_is_answer=True)
        return None if answer.status == 404 else _object(answer, Kind.READ)

    def put_product(self, record: Mapping[str, Any]) -> None:
        """POST /products: create or update one."""
        put = self._sdk.ecommerce.create_update_product
        body = {**record, "updateEnabled": True}
        self._call(put, Kind.IDEMPOTENT, "products", body=body, id=body["id"], name=body["name"])

    def put_products(self, records: Sequence[Mapping[str, Any]]) -> None:
        """POST /products/batch: create or update up to 100, no id twice."""
        put = self._sdk.ecommerce.create_update_batch_products
        body = {"products": [dict(one) for one in records], "updateEnabled": True}
        self._call(put, Kind.IDEMPOTENT, "other", body=body, products=[])

    def put_categories(self, records: Sequence[Mapping[str, Any]]) -> None:
        """POST /categories/batch: create or update up to 100, no id twice."""
        put = self._sdk.ecommerce.create_update_batch_category
        body = {"categories": [dict(one) for one in records], "updateEnabled": True}
        self._call(put, Kind.IDEMPOTENT, "other", body=body, categories=[])

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

    def delete_message_log(self, message_id: str) -> bool:
        """DELETE /smtp/log/{identifier}: what Brevo keeps of a sent message; False when it keeps nothing of it."""
        delete = self._sdk.transactional_emails.delete_an_smtp_transactional_log
        path = quote(message_id, safe="")
        answer = self._call(delete, Kind.IDEMPOTENT, "smtp", path, missing_is_answer=True)
        return answer.status != 404

    # Webhooks

    def webhooks(self) -> list[JSON]:
        """GET /webhooks?type=transactional: [{id, url, events, ...}]; a 404 says that there are none."""
        get = self._sdk.webhooks.get_webhooks
        answer = self._call(get, Kind.READ, "other", query={"type": "transactional"}, missing_is_answer=True)
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
        if (wait := self._limiter.blocked(self._account, bucket)) > 0:
            raise RateLimited(PROVIDER, f"the limit on {bucket} is reached", after=self._machine_seconds(wait))
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
        self.heard = answer.headers
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
