"""What a shop keeps: customers, products, checkouts and orders. Times are business unix seconds, money is
Decimal.

Records are compared by identity: they refer to each other in circles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

# From a variant's id to the one of what is counted of it.
INVENTORY_ITEM_OFFSET = 10_000_000_000_000
_NONE: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Address:
    id: int
    first_name: str
    last_name: str
    address1: str
    city: str
    zip: str
    country: str
    country_code: str
    province: str | None = None
    province_code: str | None = None
    phone: str | None = None
    address2: str | None = None
    company: str | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class Consent:
    """Consent to marketing on one channel: state and level in lower case, `updated_at` None when never asked."""

    state: str = "not_subscribed"
    opt_in_level: str | None = None
    updated_at: float | None = None


@dataclass(eq=False, slots=True)
class Variant:
    id: int
    product: Product = field(repr=False)
    title: str
    sku: str
    price: Decimal
    compare_at_price: Decimal | None
    position: int
    inventory_quantity: int
    grams: int

    @property
    def inventory_item_id(self) -> int:
        return self.id + INVENTORY_ITEM_OFFSET


@dataclass(eq=False, slots=True)
class Product:
    id: int
    title: str
    handle: str
    vendor: str
    product_type: str
    description: str
    tags: list[str]
    image_url: str
    created_at: float
    updated_at: float
    variants: list[Variant] = field(default_factory=list)
    collections: list[Collection] = field(default_factory=list, repr=False)
    status: str = "active"


@dataclass(eq=False, slots=True)
class Collection:
    id: int
    title: str
    handle: str
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class Metafield:
    """A field that somebody defined: its type says what its text means."""

    id: int
    namespace: str
    key: str
    type: str
    value: str


@dataclass(eq=False, slots=True)
class Customer:
    id: int
    email: str | None
    first_name: str | None
    last_name: str | None
    locale: str
    created_at: float
    updated_at: float
    phone: str | None = None
    note: str | None = None
    tags: list[str] = field(default_factory=list)
    address: Address | None = None
    consent: Consent = field(default_factory=Consent)
    sms_consent: Consent = field(default_factory=Consent)
    whatsapp_consent: Consent = field(default_factory=Consent)
    metafields: list[Metafield] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list, repr=False)


@dataclass(eq=False, slots=True)
class Segment:
    """A group of customers, by id."""

    id: int
    name: str
    query: str
    creation_date: float
    last_edit_date: float
    members: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Line:
    id: int
    variant: Variant
    quantity: int

    @property
    def total(self) -> Decimal:
        return self.variant.price * self.quantity


@dataclass(eq=False, slots=True)
class Cart:
    """An online-store cart: it has no person."""

    token: str
    created_at: float
    updated_at: float
    lines: list[Line]


@dataclass(eq=False, slots=True)
class Checkout:
    """A checkout. `id` exists in the Admin API only; webhooks know it by `token` (since 2026-04)."""

    id: int
    token: str
    cart_token: str
    recovery_key: str
    created_at: float
    updated_at: float
    lines: list[Line]
    email: str | None = None
    phone: str | None = None
    address: Address | None = None
    customer: Customer | None = None
    locale: str = "en"
    accepts_marketing: bool = False
    completed_at: float | None = None
    # The last change before the purchase: it tells a recovered checkout from one bought in one go.
    last_edit_at: float = 0.0

    @property
    def subtotal(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))


@dataclass(eq=False, slots=True)
class Order:
    id: int
    number: int
    token: str
    created_at: float
    updated_at: float
    email: str
    customer: Customer
    lines: list[Line]
    address: Address
    locale: str
    checkout_token: str | None = None
    cart_token: str | None = None
    phone: str | None = None
    accepts_marketing: bool = False
    financial_status: str = "pending"
    cancelled_at: float | None = None
    cancel_reason: str | None = None
    test: bool = False
    # What the shopper paid in, where it is not the shop's currency, and how much of it is one of the shop's.
    presentment_currency: str | None = None
    presentment_rate: Decimal = Decimal(1)
    # The code that was typed, and what it took off.
    discount_code: str | None = None
    discount: Decimal = Decimal(0)
    # These four are replaced, never changed: most of a quarter of a million orders share the empty ones.
    fulfillments: Sequence[Fulfillment] = field(default=(), repr=False)
    refunds: Sequence[Refund] = field(default=(), repr=False)
    # Line id -> how many staff took out, and how many were given back.
    taken_out: Mapping[int, int] = field(default_factory=lambda: _NONE)
    given_back: Mapping[int, int] = field(default_factory=lambda: _NONE)

    @property
    def name(self) -> str:
        return f"#{self.number}"

    @property
    def subtotal(self) -> Decimal:
        """Before returns, less what a code took off."""
        return max(self.full_price - self.discount, Decimal(0))

    @property
    def full_price(self) -> Decimal:
        """Before returns and discounts."""
        return sum(
            (self._price(line, line.quantity - self.taken_out.get(line.id, 0)) for line in self.lines), Decimal(0)
        )

    @property
    def worth(self) -> Decimal:
        """After returns; nothing once it is cancelled."""
        if self.cancelled_at is not None:
            return Decimal(0)
        left = sum((self._price(line, self.left(line)) for line in self.lines), Decimal(0))
        return max(left - self.discount, Decimal(0))

    @property
    def refunded(self) -> Decimal:
        given = sum((refund.amount for refund in self.refunds), Decimal(0))
        return self.subtotal if self.cancelled_at is not None else given

    def left(self, line: Line) -> int:
        """How many of a line are left after edits and returns."""
        return line.quantity - self.taken_out.get(line.id, 0) - self.given_back.get(line.id, 0)

    def unsent(self, line: Line) -> int:
        """How many of a line are still to be sent."""
        sent = sum(n for parcel in self.fulfillments for one, n in parcel.lines if one.id == line.id)
        return max(0, self.left(line) - sent)

    @property
    def fulfillment_status(self) -> str | None:
        if not self.fulfillments:
            return None
        return "partial" if any(self.unsent(line) for line in self.lines) else "fulfilled"

    @staticmethod
    def _price(line: Line, quantity: int) -> Decimal:
        return line.variant.price * quantity


@dataclass(eq=False, slots=True)
class Fulfillment:
    """A parcel: `lines` with how many of each. `shipment_status` is the carrier's word."""

    id: int
    order: Order = field(repr=False)
    place: int
    created_at: float
    updated_at: float
    lines: list[tuple[Line, int]]
    tracking_company: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    status: str = "success"
    shipment_status: str | None = None
    delivered_at: float | None = None


@dataclass(eq=False, slots=True)
class Refund:
    id: int
    order: Order = field(repr=False)
    created_at: float
    amount: Decimal
    lines: list[tuple[Line, int]]


@dataclass(eq=False, slots=True)
class Return:
    id: int
    order: Order = field(repr=False)
    place: int
    items: int
    status: str = "requested"


@dataclass(eq=False, slots=True)
class Subscription:
    """A webhook subscription. `origin` is `admin_api` (removed after failures) or `app` (never removed)."""

    id: int
    topic: str
    uri: str
    api_version: str
    origin: str
    created_at: float
    updated_at: float
    name: str | None = None
    filter: str | None = None
    include_fields: list[str] = field(default_factory=list)
    metafield_namespaces: list[str] = field(default_factory=list)
