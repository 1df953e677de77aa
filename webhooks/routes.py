"""The two addresses that deliveries come to: who sent it, whom it is for, what identifies it.

Nothing here reads more of a body than is needed for that: what it says is found out later, from the stored
bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import parse_qs

import orjson

from connector.clock import Clock
from webhooks.directory import DOUBT_SECONDS, FRESH_SECONDS, Addressee, Directory
from webhooks.verify import is_bearer, is_signed
from webhooks.writer import InboxRow

COMMERCE = "commerce"
OTHER = "other"


class NotAuthentic(Exception):
    """Not proven to come from the platform. Why is not told to the sender."""


class UnknownShop(Exception):
    """Authentic, but of a shop that is not connected: acknowledged and dropped."""


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived. ``path``: named parts of the path; ``deadline``: when to have answered (monotonic)."""

    environ: Mapping[str, Any]
    path: Mapping[str, str | None]
    body: bytes
    deadline: float

    def header(self, name: str) -> str:
        """The value of a header given by its WSGI name without HTTP_; "" when absent."""
        return str(self.environ.get(f"HTTP_{name}", ""))


class Topic(Protocol):
    """What the intake needs to know of a topic of the registry."""

    @property
    def lane(self) -> str: ...


# --- Shopify

# Webhooks carry the X- family, their successor "events" the one without.
_FAMILIES = ("X_SHOPIFY_", "SHOPIFY_")
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,59}\.myshopify\.com\Z")
_PLAIN = re.compile(r"[\x21-\x7e]{1,200}\Z")
# Kept beside the bytes, under these names in lower case. The signature is not.
_KEPT = (
    "TOPIC", "SHOP_DOMAIN", "API_VERSION", "WEBHOOK_ID", "EVENT_ID", "TRIGGERED_AT", "NAME", "TEST",
    "HANDLE", "ACTION",
)  # fmt: skip
# By family: the name under which a header is kept, and its WSGI name.
_KEPT_AS = {family: [(name.lower(), f"HTTP_{family}{name}") for name in _KEPT] for family in _FAMILIES}


class ShopifyRoute:
    """``POST /webhooks/shopify``. ``topics`` maps (source, topic) to what is known of it; ``app_secrets`` are
    the app's client secret and, while it is being changed, the old one.
    """

    source = "shopify"
    path = re.compile(r"/webhooks/shopify/?\Z")
    # Shopify sends again after any answer but a 2xx.
    busy = "503 Service Unavailable"

    def __init__(
        self,
        directory: Directory,
        topics: Mapping[tuple[str, str], Topic],
        app_secrets: tuple[str, ...],
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._topics = topics
        self._app_secrets = app_secrets
        self._clock = clock

    def inbox_row(self, request: Request) -> InboxRow:
        """Raises NotAuthentic, UnknownShop, or Unreadable when the shops cannot be looked up."""
        signed_by = [family for family in _FAMILIES if request.header(f"{family}HMAC_SHA256")]
        if len(signed_by) != 1:
            raise NotAuthentic
        family = signed_by[0]
        shop = self._sender(request, family)
        topic = request.header(f"{family}TOPIC").lower()
        known = self._topics.get((self.source, topic))
        webhook_id = request.header(f"{family}WEBHOOK_ID")
        return InboxRow(
            shop_id=shop.shop_id,
            source=self.source,
            external_id=webhook_id if _PLAIN.match(webhook_id) else sha256(request.body).hexdigest(),
            topic=topic if _PLAIN.match(topic) else "",
            lane=known.lane if known else OTHER,
            raw=request.body,
            headers=_kept(request, family),
            received_at=self._clock.now(),
            received_real=self._clock.machine(),
            state="new" if known else "ignored",
            reason="" if known else "unknown_topic",
        )

    def _sender(self, request: Request, family: str) -> Addressee:
        """The shop that the unsigned header names, once the signature is right for it."""
        domain = request.header(f"{family}SHOP_DOMAIN").lower()
        given = request.header(f"{family}HMAC_SHA256")
        for oldest in (FRESH_SECONDS, DOUBT_SECONDS):
            shop = self._find(request, domain, oldest)
            if is_signed(request.body, given, self._secrets(shop)):
                break
        else:
            raise NotAuthentic
        if shop is None:
            # A shop's first deliveries may be quicker than our list: ask for one that is newer than they are.
            shop = self._find(request, domain, oldest=0.0)
            if shop is None:
                raise UnknownShop
            if not is_signed(request.body, given, self._secrets(shop)):
                raise NotAuthentic
        return shop

    def _find(self, request: Request, domain: str, oldest: float) -> Addressee | None:
        if not _DOMAIN.match(domain):
            return None
        return self._directory.shops(request.deadline, oldest).by_domain.get(domain)

    def _secrets(self, shop: Addressee | None) -> tuple[str, ...]:
        """A shop with a secret of its own is believed with that one only."""
        return self._app_secrets if shop is None or shop.secret is None else (shop.secret,)


def _kept(request: Request, family: str) -> dict[str, str]:
    found = [(name, request.environ.get(wsgi_name)) for name, wsgi_name in _KEPT_AS[family]]
    return {name: value for name, value in found if value is not None and _PLAIN.match(value)}


# --- Brevo

# Which of its events say that somebody must not be written to: those must not wait behind opens and clicks.
_CONSENT_EVENTS = frozenset(
    "unsubscribe unsubscribed spam complaint hard_bounce hard_bounced blocked invalid_email".split()
)


class BrevoRoute:
    """``POST /webhooks/brevo/<shop_id>`` with our token as ``Authorization: Bearer``, as the last segment of
    the path or as ``?token=``: webhooks that a merchant makes by hand cannot always send headers.
    """

    source = "brevo"
    path = re.compile(r"/webhooks/brevo/(?P<shop>[0-9]{1,18})(?:/(?P<token>[^/]+))?/?\Z")
    # Brevo discards a delivery after any 4xx or 5xx but this one.
    busy = "429 Too Many Requests"
    # The product registers transactional webhooks only; T2 reads the event's name from the bytes.
    topic = "transactional"

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    def inbox_row(self, request: Request) -> InboxRow:
        """Raises NotAuthentic, or Unreadable when the shops cannot be looked up."""
        shop = self._sender(request)
        events = _events(request.body)
        return InboxRow(
            shop_id=shop.shop_id,
            source=self.source,
            external_id=_identity(events, request.body),
            topic=self.topic,
            lane=COMMERCE if any(_name(e) in _CONSENT_EVENTS for e in events) else OTHER,
            raw=request.body,
            headers={},
            received_at=self._clock.now(),
            received_real=self._clock.machine(),
        )

    def _sender(self, request: Request) -> Addressee:
        shop_id = int(request.path["shop"] or 0)
        token = _bearer(request) or request.path["token"] or _query_token(request)
        for oldest in (FRESH_SECONDS, DOUBT_SECONDS):
            shop = self._directory.shops(request.deadline, oldest).by_id.get(shop_id)
            if shop is not None and is_bearer(token, shop.brevo_digest):
                return shop
        raise NotAuthentic


def _bearer(request: Request) -> str:
    scheme, _, token = request.header("AUTHORIZATION").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _query_token(request: Request) -> str:
    try:
        return parse_qs(str(request.environ.get("QUERY_STRING", "")), max_num_fields=20).get("token", [""])[0]
    except ValueError:
        return ""


def _events(body: bytes) -> list[dict[str, Any]]:
    """The events of a delivery, single or batched; none when the bytes cannot be read."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    return [event for event in (found if isinstance(found, list) else [found]) if isinstance(event, dict)]


def _name(event: Mapping[str, Any]) -> str:
    name = event.get("event")
    return name if isinstance(name, str) else ""


def _identity(events: list[dict[str, Any]], body: bytes) -> str:
    """Brevo has no event id: a hash of what names a single event; of the bytes where that is not told."""
    if len(events) == 1 and not body.lstrip().startswith(b"["):
        event = events[0]
        when = event.get("ts_epoch") or event.get("ts_event")
        named = [event.get("message-id"), event.get("event"), event.get("email"), when]
        if all(named):
            return sha256(orjson.dumps([*named, event.get("link") or ""])).hexdigest()
    return sha256(body).hexdigest()
