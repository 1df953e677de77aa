"""A shop as the rest of the product sees it, and the merchant's settings with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

import orjson
from marshmallow import RAISE, Schema, fields, validate
from sqlalchemy import Connection, RowMapping, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from connector.models.flow import flows
from connector.models.shop import shops
from connector.plugin_events import SHAPES


class _CapSchema(Schema):
    count = fields.Integer(load_default=3, strict=True, validate=validate.Range(min=1))
    days = fields.Integer(load_default=7, strict=True, validate=validate.Range(min=1))


class _OfferSchema(Schema):
    code = fields.String(required=True)
    percent = fields.Integer(load_default=None, allow_none=True)
    expires_days = fields.Integer(load_default=None, allow_none=True)


_CLOCK_TIME = validate.Regexp(r"([01]\d|2[0-3]):[0-5]\d\Z", error="Write a time of day as HH:MM, for example 21:00.")


class _QuietSchema(Schema):
    start = fields.String(required=True, validate=_CLOCK_TIME)
    end = fields.String(required=True, validate=_CLOCK_TIME)


class _DoubleOptInSchema(Schema):
    # Also where the law does not ask for it.
    always = fields.Boolean(load_default=False)
    # Of a double opt-in template at Brevo. Without it no confirmation is asked for.
    template_id = fields.Integer(load_default=None, allow_none=True, strict=True)
    # Where somebody who has confirmed is sent; without it our own page says thank you.
    redirection_url = fields.Url(load_default=None, allow_none=True)
    # The list at Brevo to which Brevo adds those who confirm.
    list_id = fields.Integer(load_default=None, allow_none=True, strict=True)
    reminder_days = fields.Integer(load_default=3, allow_none=True, strict=True, validate=validate.Range(min=1, max=60))


# By from_dict, because `as` is no name for an attribute.
_EventMappingSchema = Schema.from_dict(
    {
        "as": fields.String(
            required=True,
            validate=validate.Regexp(r"[A-Za-z0-9_-]{1,255}\Z", error="An event's name has letters, digits, - and _."),
        ),
        "events": fields.List(fields.String()),
        "properties": fields.List(fields.String(), allow_none=True),
        "shape": fields.String(validate=validate.OneOf(list(SHAPES))),
        "flows": fields.List(fields.String()),
    },
    name="EventMappingSchema",
)


# In which states of a shop each kind of work is done; what is not named here, while it is active. A shop that is
# installed is taken in, and waits for Brevo; one that was left still hears that it is to be erased.
_WHILE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "intake": frozenset({"active", "installed", "uninstalled"}),
        "fetch": frozenset({"active", "installed"}),
        "flows": frozenset({"active", "installed"}),
        "tokens": frozenset({"active", "installed", "paused"}),
        "closing": frozenset({"uninstalled"}),
        "privacy": frozenset({"active", "installed", "paused", "uninstalled"}),
    }
)


def states_for(kind: str) -> frozenset[str]:
    """The states of a shop in which this kind of work is done."""
    return _WHILE.get(kind, frozenset({"active"}))


class ShopSettingsSchema(Schema):
    """The merchant's settings as stored in ``shops.settings``; every key has a default."""

    class Meta:
        unknown = RAISE

    # At most this many marketing emails per person across flows.
    marketing_cap = fields.Nested(_CapSchema, load_default=lambda: {"count": 3, "days": 7})
    quiet_hours = fields.Nested(_QuietSchema, load_default=None, allow_none=True)
    # Fixed codes until codes are created in the shop: {"welcome": {...}, "cart": {...}}
    offers = fields.Dict(keys=fields.String(), values=fields.Nested(_OfferSchema), load_default=dict)
    address = fields.String(load_default="")
    url = fields.String(load_default="")
    logo_url = fields.String(load_default="")
    locale = fields.String(load_default="en")
    # Whose rules hold for people of whom no country is known; none: the strictest.
    country = fields.String(load_default="", validate=validate.Regexp(r"([A-Z]{2})?\Z"))
    # The countries in which the soft opt-in is switched on; it counts where connector/consent_policy.yaml has one.
    soft_opt_in = fields.List(fields.String(validate=validate.Regexp(r"[A-Z]{2}\Z")), load_default=list)
    double_opt_in = fields.Nested(_DoubleOptInSchema, load_default=lambda: _DoubleOptInSchema().load({}))
    # Ask for consent to open tracking also where the law does not.
    ask_for_open_tracking = fields.Boolean(load_default=False)
    # Whether opt-outs and opt-ins that the store has not heard of are written to it.
    consent_to_store = fields.Boolean(load_default=True)
    # Write an opt-in of the last day to the store, which then sends its own welcome mail.
    store_may_welcome = fields.Boolean(load_default=False)
    # The list at Brevo that holds those who agreed to emails.
    contact_list = fields.Integer(load_default=None, allow_none=True, strict=True)
    # Overrides of sync/mapping/contact.yaml and of the event mapping.
    contact_mapping = fields.Dict(load_default=dict)
    # Goes before the names of the contact attributes. None: of shops that share an account at Brevo all but the first
    # have one made of their domain, no other shop has any.
    attribute_prefix = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Regexp(r"([A-Z][A-Z0-9_]{0,19})?\Z", error="A prefix has capital letters, digits and _."),
    )
    event_mapping = fields.Dict(
        keys=fields.String(), values=fields.Nested(_EventMappingSchema, allow_none=True), load_default=dict
    )
    plan = fields.String(load_default="general", validate=validate.OneOf(["general", "advanced", "extended"]))
    # How many emails the flows may send in any 24 hours; None: what the plan says, if it has a daily limit.
    daily_emails = fields.Integer(load_default=None, allow_none=True, strict=True, validate=validate.Range(min=1))
    include_test_orders = fields.Boolean(load_default=False)
    include_pos_orders = fields.Boolean(load_default=False)
    include_draft_orders = fields.Boolean(load_default=False)


@dataclass(frozen=True)
class Shop:
    """One connected shop. ``settings`` holds every key of ShopSettingsSchema."""

    id: int
    domain: str
    name: str
    state: str
    sender_email: str
    sender_name: str
    timezone: str
    currency: str
    salt: bytes = field(repr=False)
    raw_settings: Mapping[str, Any] = field(repr=False)
    shopify_token: str | None = field(default=None, repr=False)
    brevo_key: str | None = field(default=None, repr=False)
    # Of the access token: fixed, expiring or client_credentials, its end in wire time, and why there is none any more.
    token_kind: str = "fixed"  # noqa: S105
    token_expires: float | None = None
    token_trouble: str | None = None
    granted_scopes: tuple[str, ...] | None = None
    # Whether the app is one that only this shop has.
    own_app: bool = False
    # What tells the account at Brevo from others, when known, and the other shops that share it.
    brevo_account: str | None = None
    sharing: tuple[int, ...] = ()
    # Active flows that are in mode brevo: the provider's automations run them, we only feed those.
    left_to_brevo: frozenset[str] = frozenset()

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        return _read_settings(orjson.dumps(self.raw_settings))

    @property
    def owns_contacts(self) -> bool:
        """Whether this shop gives contacts at Brevo their id there: of the shops of one account the first."""
        return all(self.id < other for other in self.sharing)

    @property
    def active(self) -> bool:
        return self.state == "active"


# A shop is loaded for every piece of work, and its settings hardly ever change.
@lru_cache(maxsize=256)
def _read_settings(raw: bytes) -> Mapping[str, Any]:
    return MappingProxyType(ShopSettingsSchema().load(orjson.loads(raw)))


def _shop(row: RowMapping) -> Shop:
    return Shop(
        id=row["id"],
        domain=row["domain"],
        name=row["name"],
        state=row["state"],
        sender_email=row["sender_email"],
        sender_name=row["sender_name"],
        timezone=row["timezone"],
        currency=row["currency"],
        salt=bytes(row["salt"]),
        raw_settings=row["settings"],
        shopify_token=row["shopify_token"],
        brevo_key=row["brevo_key"],
        token_kind=row["token_kind"],
        token_expires=row["token_expires_wire"],
        token_trouble=row["token_trouble"],
        granted_scopes=None if row["granted_scopes"] is None else tuple(row["granted_scopes"]),
        own_app=row["shopify_secret"] is not None,
        brevo_account=row["brevo_account"],
        sharing=tuple(row["sharing"] or ()),
        left_to_brevo=frozenset(row["left_to_brevo"] or ()),
    )


_others = shops.alias("others")
_SHOPS = select(
    shops,
    select(func.array_agg(_others.c.id))
    .where(
        _others.c.brevo_account == shops.c.brevo_account,
        _others.c.id != shops.c.id,
        _others.c.state != "uninstalled",
    )
    .scalar_subquery()
    .label("sharing"),
    select(func.array_agg(flows.c.flow))
    .where(flows.c.shop_id == shops.c.id, flows.c.mode == "brevo", flows.c.status == "active")
    .scalar_subquery()
    .label("left_to_brevo"),
)
_BY_ID = _SHOPS.where(shops.c.id == bindparam("shop_id"))


def load(connection: Connection, shop_id: int) -> Shop:
    """The shop with this id; raises LookupError when there is none."""
    row = connection.execute(_BY_ID, {"shop_id": shop_id}).mappings().first()
    if row is None:
        raise LookupError(f"no shop with id {shop_id}")
    return _shop(row)


def by_domain(connection: Connection, domain: str) -> Shop | None:
    """The shop with this myshopify.com domain."""
    row = connection.execute(_SHOPS.where(shops.c.domain == domain.lower())).mappings().first()
    return None if row is None else _shop(row)


def connected(connection: Connection) -> list[Shop]:
    """All shops, oldest first."""
    return [_shop(row) for row in connection.execute(_SHOPS.order_by(shops.c.id)).mappings()]


def add(connection: Connection, domain: str, values: Mapping[str, Any], now: datetime) -> int:
    """Create the shop and return its id; one that is there stays as it is."""
    wanted = insert(shops).values(domain=domain.lower(), created_at=now, **values)
    # Changes nothing where it is there, and answers with the row.
    statement = wanted.on_conflict_do_update(index_elements=["domain"], set_={"domain": wanted.excluded.domain})
    return int(connection.execute(statement.returning(shops.c.id)).scalar_one())


def change_settings(connection: Connection, shop_id: int, changes: Mapping[str, Any]) -> None:
    """Merge ``changes`` into the shop's settings after checking the result; raises ValidationError."""
    current = connection.execute(select(shops.c.settings).where(shops.c.id == shop_id).with_for_update()).scalar_one()
    merged = {**current, **changes}
    ShopSettingsSchema().load(merged)
    connection.execute(update(shops).where(shops.c.id == shop_id).values(settings=merged))
