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

from connector.clock import Clock
from webhooks import brevo_entries
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


class BrevoRoute:
    """``POST /webhooks/brevo/<shop_id>`` with our token as ``Authorization: Bearer``, as the last segment of
    the path or as ``?token=``: webhooks that a merchant makes by hand cannot always send headers.
    """

    source = "brevo"
    path = re.compile(r"/webhooks/brevo/(?P<shop>[0-9]{1,18})(?:/(?P<token>[^/]+))?/?\Z")
    # Brevo discards a delivery after any 4xx or 5xx but this one.
    busy = "429 Too Many Requests"

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    def inbox_row(self, request: Request) -> InboxRow:
        """Raises NotAuthentic, or Unreadable when the shops cannot be looked up."""
        shop = self._sender(request)
        entries = brevo_entries.objects(request.body)
        return InboxRow(
            shop_id=shop.shop_id,
            source=self.source,
            external_id=brevo_entries.identity(entries, request.body),
            # For those who look at deliveries: T2 goes by each object of the bytes.
            topic=brevo_entries.family_of_all(entries),
            lane=COMMERCE if any(brevo_entries.may_stop(one) for one in entries) else OTHER,
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
            if shop is not None and any([is_bearer(token, one) for one in shop.brevo_digests]):
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
