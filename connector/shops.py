"""A shop as the rest of the product sees it, and the merchant's settings with their defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

import orjson
from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy import Connection, RowMapping, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from connector.attribution_windows import AttributionSchema
from connector.catalogue_signal_settings import CatalogueSignalsSchema
from connector.frequency_caps import CapsSchema, MarketingCapSchema
from connector.models.brevo import brevo_grants
from connector.models.flow import flows
from connector.models.outgoing import webhook_endpoints
from connector.models.shop import shops
from connector.plugin_events import SHAPES
from connector.review_settings import ReviewsSchema
from connector.shopify_users import ShopifyUsersSchema
from connector.signal_settings import SignalsSchema
from flows.core import segments


class _OfferSchema(Schema):
    # None: flows that can make a code for each person, of so many per cent; the others have no offer then.
    code = fields.String(load_default=None, allow_none=True)
    percent = fields.Integer(load_default=None, allow_none=True)
    expires_days = fields.Integer(load_default=None, allow_none=True)

    @validates_schema
    def _has_a_code_or_what_makes_one(self, data: Mapping[str, Any], **options: Any) -> None:
        if not data.get("code") and not 1 <= (data.get("percent") or 0) <= 100:
            raise ValidationError("An offer has a code, or a percent from 1 to 100 for codes of one's own.", "code")


_CLOCK_TIME = validate.Regexp(r"([01]\d|2[0-3]):[0-5]\d\Z", error="Write a time of day as HH:MM, for example 21:00.")


class _QuietSchema(Schema):
    start = fields.String(required=True, validate=_CLOCK_TIME)
    end = fields.String(required=True, validate=_CLOCK_TIME)


class _ComplaintBrakeSchema(Schema):
    on = fields.Boolean(load_default=True)
    # Marketing emails stop past this many complaints in a hundred delivered ...
    percent = fields.Float(load_default=0.3, validate=validate.Range(min=0.01, max=100))
    # ... of the last so many days ...
    days = fields.Integer(load_default=7, strict=True, validate=validate.Range(min=1, max=90))
    # ... once so many were delivered, or so many complained about.
    least_delivered = fields.Integer(load_default=500, strict=True, validate=validate.Range(min=1))
    least_complaints = fields.Integer(load_default=3, strict=True, validate=validate.Range(min=1))


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


_SMS_SENDER = validate.Regexp(
    r"([A-Za-z0-9]{1,11}|\d{12,15})?\Z", error="A sender of texts is up to 11 letters and digits, or 12 to 15 digits."
)
_STOP_TEXT = validate.Regexp(
    r"(?=.{11,60}\Z).*\[STOP_CODE\].*\Z", error="Write a short text with [STOP_CODE] in it, such as STOP [STOP_CODE]."
)


class _SmsSchema(Schema):
    # Without one no text message is sent.
    sender = fields.String(load_default="", validate=_SMS_SENDER)
    # The name that is put before each text; without one the shop's own where carriers ask for it (+1).
    organisation_prefix = fields.String(load_default="", validate=validate.Length(max=30))
    # What is added to marketing that does not say how to stop it; Brevo fills in the number.
    stop_text = fields.String(load_default="STOP [STOP_CODE]", validate=_STOP_TEXT)


_WHATSAPP_SENDER = validate.Regexp(
    r"([1-9]\d{5,14})?\Z", error="A WhatsApp sender is the number as Brevo shows it: digits with the country's code."
)


class _WhatsappSchema(Schema):
    # Without one no WhatsApp message is sent.
    sender = fields.String(load_default="", validate=_WHATSAPP_SENDER)


_METAFIELD = validate.Regexp(
    r"[A-Za-z0-9_$:-]{2,255}\.[A-Za-z0-9_-]{2,64}\Z",
    error="A metafield is named NAMESPACE.KEY, for example loyalty.points.",
)


class _TierSchema(Schema):
    name = fields.String(required=True, validate=validate.Length(1, 100))
    # From how many points on somebody has it.
    points = fields.Integer(required=True, strict=True, validate=validate.Range(min=0))


class _LoyaltySchema(Schema):
    # Who is believed: the store's metafields or tags of customers, or what the events API and files tell.
    source = fields.String(required=True, validate=validate.OneOf(["metafields", "tags", "api", "file"]))
    # The metafields that hold it; none: the store does not tell.
    points = fields.String(load_default="loyalty.points", allow_none=True, validate=_METAFIELD)
    tier = fields.String(load_default="loyalty.tier", allow_none=True, validate=_METAFIELD)
    reward = fields.String(load_default="loyalty.reward", allow_none=True, validate=_METAFIELD)
    expires_at = fields.String(load_default="loyalty.expires_at", allow_none=True, validate=_METAFIELD)
    # How a tag begins that names a tier.
    tier_tag = fields.String(load_default="tier:", validate=validate.Length(1, 50))
    # In any order. Without them nobody can tell which of two tiers is the higher.
    tiers = fields.List(fields.Nested(_TierSchema), load_default=list, validate=validate.Length(max=50))
    # Somebody who lacks so many points in a hundred of the next tier's is close to it.
    close_percent = fields.Integer(load_default=10, strict=True, validate=validate.Range(min=1, max=90))
    # So many days before the end flows are told of it.
    risk_days = fields.Integer(load_default=30, strict=True, validate=validate.Range(min=1, max=365))
    # Whether the first that is heard of somebody counts as earned, and is no mere beginning.
    first_word_is_news = fields.Boolean(load_default=False)

    @validates_schema
    def _tiers_are_told_apart(self, data: Mapping[str, Any], **options: Any) -> None:
        for what in ("name", "points"):
            told = [tier[what] for tier in data.get("tiers") or ()]
            if len(set(told)) < len(told):
                raise ValidationError(f"Two tiers have the same {what}.", "tiers")


_PRICE_OF = validate.Regexp(r"([A-Z]{2}|default)\Z", error="A price is of a country such as FR, or of default.")


_COLOUR = validate.Regexp(r"#[0-9a-f]{6}\Z", error="Write a colour as #rrggbb in small letters, for example #1f3d36.")
# No quotes and no spaces: it also stands in the content policy of the pages.
_PICTURE = validate.Regexp(
    r"(https://[A-Za-z0-9.-]+(:\d+)?/[^\s\"'<>;,]*)?\Z",
    error="Write the logo's whole address, beginning with https://.",
)


class _BrandSchema(Schema):
    # Without a name the shop's own.
    name = fields.String(load_default="", validate=validate.Length(max=100))
    # Of buttons and links, and of what the page stands on.
    colour = fields.String(load_default=None, allow_none=True, validate=_COLOUR)
    ground = fields.String(load_default=None, allow_none=True, validate=_COLOUR)


class _Properties(fields.Field[Any]):
    """A list of names, or names with the names that they have at Brevo."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        renamed = isinstance(value, Mapping) and all(isinstance(one, str) for pair in value.items() for one in pair)
        listed = isinstance(value, list) and all(isinstance(one, str) for one in value)
        names = list(value.values()) if isinstance(value, Mapping) else value
        if not (renamed or listed) or not all(_EVENT_NAME.regex.match(name) for name in names):
            raise ValidationError("Write a list of properties, or a map of them to their names at Brevo.")
        return value


_EVENT_NAME = validate.Regexp(r"[A-Za-z0-9_-]{1,255}\Z", error="An event's name has letters, digits, - and _.")
# By from_dict, because `from` and `as` are no names for attributes.
_ContactPropertySchema = Schema.from_dict(
    {
        "from": fields.String(required=True),
        "type": fields.String(required=True, validate=validate.OneOf(["text", "date", "float", "boolean"])),
    },
    name="ContactPropertySchema",
)
_EventMappingSchema = Schema.from_dict(
    {
        "as": fields.String(required=True, validate=_EVENT_NAME),
        "events": fields.List(fields.String()),
        "properties": _Properties(allow_none=True),
        "contact_properties": fields.Dict(
            keys=fields.String(
                validate=validate.Regexp(r"[A-Z][A-Z0-9_]{0,99}\Z", error="An attribute's name is upper case.")
            ),
            values=fields.Nested(_ContactPropertySchema),
        ),
        "shape": fields.String(validate=validate.OneOf(list(SHAPES))),
        "flows": fields.List(fields.String()),
    },
    name="EventMappingSchema",
)


def empties_another_list(lists: Mapping[str, int], contact_list: int | None) -> bool:
    """Whether the list of imports, which is emptied, is another list too. ``lists``: {purpose: list}."""
    others = {contact_list, *(one for purpose, one in lists.items() if purpose != "imports")}
    return lists.get("imports") in others - {None}


class ShopSettingsSchema(Schema):
    """The merchant's settings as stored in ``shops.settings``; every key has a default."""

    class Meta:
        unknown = RAISE

    # At most this many marketing emails per person across flows.
    marketing_cap = fields.Nested(MarketingCapSchema, load_default=lambda: {"count": 3, "days": 7})
    # More limits for one person across flows, by channel or for ``all`` of them together.
    caps = fields.Nested(CapsSchema, load_default=dict)
    quiet_hours = fields.Nested(_QuietSchema, load_default=None, allow_none=True)
    # What flows may offer, by name: {"welcome": {...}, "cart": {...}}
    offers = fields.Dict(keys=fields.String(), values=fields.Nested(_OfferSchema), load_default=dict)
    address = fields.String(load_default="")
    url = fields.String(load_default="")
    logo_url = fields.String(load_default="", validate=_PICTURE)
    # Of the pages that customers see, and of emails.
    brand = fields.Nested(_BrandSchema, load_default=lambda: _BrandSchema().load({}))
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
    # The list at Brevo that holds those who agreed to emails; goes before the one of ``lists``.
    contact_list = fields.Integer(load_default=None, allow_none=True, strict=True)
    # The lists at Brevo by purpose (sync.lists), made when the account is connected. ``imports`` holds contacts only
    # while an import brings them.
    lists = fields.Dict(
        keys=fields.String(validate=validate.OneOf(["newsletter", "sms", "whatsapp", "imports"])),
        values=fields.Integer(strict=True),
        load_default=dict,
    )
    # What the shop's mapping lays over the shipped ones (sync/mapping/contact.yaml, connector/event_mapping.yaml).
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
    sms = fields.Nested(_SmsSchema, load_default=lambda: _SmsSchema().load({}))
    whatsapp = fields.Nested(_WhatsappSchema, load_default=lambda: _WhatsappSchema().load({}))
    # What one segment costs in the shop's currency, by channel and country.
    message_costs = fields.Dict(
        keys=fields.String(validate=validate.OneOf(["email", "sms", "whatsapp"])),
        values=fields.Dict(
            keys=fields.String(validate=_PRICE_OF), values=fields.Decimal(validate=validate.Range(min=0, max=1000))
        ),
        load_default=dict,
    )
    # For how long after a message an order is owed to it.
    attribution = fields.Nested(AttributionSchema, load_default=lambda: AttributionSchema().load({}))
    # Who is told what of changed prices and stock.
    catalogue_signals = fields.Nested(CatalogueSignalsSchema, load_default=lambda: CatalogueSignalsSchema().load({}))
    # When too many complaints about them stop the marketing emails.
    complaint_brake = fields.Nested(_ComplaintBrakeSchema, load_default=lambda: _ComplaintBrakeSchema().load({}))
    # The names that our API keys have at Brevo: what Brevo reports of their writes is our own.
    brevo_key_names = fields.List(fields.String(validate=validate.Length(min=1, max=255)), load_default=list)
    # Where loyalty data come from; none: none are kept.
    loyalty = fields.Nested(_LoyaltySchema, load_default=None, allow_none=True)
    # Emails of those who may be told of customers and be given tasks, beside staff. What a flow names nobody for goes
    # to all of them.
    notify = fields.List(fields.Email(), load_default=list, validate=validate.Length(max=20))
    # Which reviews of the flows come back as tasks, for whom.
    reviews = fields.Nested(ReviewsSchema, load_default=lambda: ReviewsSchema().load({}))
    # What those may do who open the app inside Shopify's admin.
    shopify_users = fields.Nested(ShopifyUsersSchema, load_default=lambda: ShopifyUsersSchema().load({}))
    # How long a support ticket that nobody closes holds marketing back.
    support_ticket_days = fields.Integer(load_default=30, strict=True, validate=validate.Range(min=1, max=365))
    # Conditions with names, for all flows; laid over those that are shipped (flows/core/segments.py).
    segments = segments.field()
    # The thresholds of signals, by signal.
    signals = fields.Nested(SignalsSchema, load_default=dict)
    include_test_orders = fields.Boolean(load_default=False)
    include_pos_orders = fields.Boolean(load_default=False)
    include_draft_orders = fields.Boolean(load_default=False)

    @validates_schema
    def _imports_have_a_list_of_their_own(self, data: Mapping[str, Any], **options: Any) -> None:
        if empties_another_list(data.get("lists") or {}, data.get("contact_list")):
            raise ValidationError({"lists": {"imports": ["This list is emptied: it cannot be another one too."]}})


@dataclass(frozen=True)
class BrevoGrant:
    """Access to Brevo that the merchant has agreed to: the sealed token and its end, wire time."""

    token: str = field(repr=False)
    expires: float | None


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
    # The credential at Brevo: a sealed key, or a grant (connector.brevo_tokens).
    brevo_key: str | None = field(default=None, repr=False)
    brevo_grant: BrevoGrant | None = None
    # Of the access token: fixed, expiring or client_credentials, its end in wire time, and why there is none any more.
    token_kind: str = "fixed"  # noqa: S105
    token_expires: float | None = None
    token_trouble: str | None = None
    granted_scopes: tuple[str, ...] | None = None
    # When its webhooks were in place: what happened before is history. None: not known.
    live_since: datetime | None = None
    # Whether the app is one that only this shop has.
    own_app: bool = False
    # What tells the account at Brevo from others, when known, and the other shops that share it.
    brevo_account: str | None = None
    sharing: tuple[int, ...] = ()
    # The events that its outgoing webhooks are told of.
    heard_outside: frozenset[str] = frozenset()
    # Active flows that are in mode brevo: the provider's automations run them, we only feed those.
    left_to_brevo: frozenset[str] = frozenset()

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        return _read_settings(orjson.dumps(self.raw_settings))

    @property
    def has_brevo(self) -> bool:
        """Whether there is a credential for a Brevo account."""
        return self.brevo_key is not None or self.brevo_grant is not None

    @property
    def owns_contacts(self) -> bool:
        """Whether this shop gives contacts at Brevo their id there: of the shops of one account the first."""
        return all(self.id < other for other in self.sharing)

    @property
    def attribute_prefix(self) -> str:
        """What the names of this shop's contact attributes begin with at Brevo."""
        chosen: str | None = self.settings["attribute_prefix"]
        if chosen is not None:
            return chosen
        return "" if self.owns_contacts else prefix_of(self.domain)

    @property
    def active(self) -> bool:
        return self.state == "active"


def prefix_of(domain: str) -> str:
    """The prefix of a shop that shares an account and has chosen none."""
    name = re.sub(r"[^A-Z0-9]+", "_", domain.partition(".")[0].upper()).strip("_")
    return f"{name[:20]}_" if name[:1].isalpha() else f"SHOP_{name[:15]}_"


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
        brevo_grant=BrevoGrant(row["brevo_token"], row["expires_wire"]) if row["brevo_token"] else None,
        token_kind=row["token_kind"],
        token_expires=row["token_expires_wire"],
        token_trouble=row["token_trouble"],
        granted_scopes=None if row["granted_scopes"] is None else tuple(row["granted_scopes"]),
        live_since=row["live_since"],
        own_app=row["shopify_secret"] is not None,
        brevo_account=row["brevo_account"],
        sharing=tuple(row["sharing"] or ()),
        left_to_brevo=frozenset(row["left_to_brevo"] or ()),
        heard_outside=frozenset(row["heard_outside"] or ()),
    )


_others = shops.alias("others")
_heard = (
    select(func.unnest(webhook_endpoints.c.events).label("name"))
    .where(webhook_endpoints.c.shop_id == shops.c.id, webhook_endpoints.c.state == "active")
    .correlate(shops)
    .lateral("heard")
)
_SHOPS = select(
    shops,
    brevo_grants.c.brevo_token,
    brevo_grants.c.expires_wire,
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
    select(func.array_agg(_heard.c.name)).select_from(_heard).scalar_subquery().label("heard_outside"),
).select_from(shops.outerjoin(brevo_grants, brevo_grants.c.shop_id == shops.c.id))
_BY_ID = _SHOPS.where(shops.c.id == bindparam("shop_id"))


def load(connection: Connection, shop_id: int) -> Shop:
    """The shop with this id; raises LookupError when there is none."""
    row = connection.execute(_BY_ID, {"shop_id": shop_id}).mappings().first()
    if row is None:
        raise LookupError(f"no shop with id {shop_id}")
    return _shop(row)


def hold(connection: Connection, shop_id: int) -> Shop:
    """The shop as nobody else changes it until the transaction ends. Raises LookupError like ``load``."""
    connection.execute(select(shops.c.id).where(shops.c.id == shop_id).with_for_update())
    return load(connection, shop_id)


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


def name_account(connection: Connection, shop_id: int, brevo_account: str) -> None:
    """Note what tells the shop's account at Brevo from others, where that is not known yet."""
    unknown = (shops.c.id == shop_id) & shops.c.brevo_account.is_(None)
    connection.execute(update(shops).where(unknown).values(brevo_account=brevo_account))


def change_settings(connection: Connection, shop_id: int, changes: Mapping[str, Any]) -> None:
    """Merge ``changes`` into the shop's settings after checking the result; raises ValidationError."""
    current = connection.execute(select(shops.c.settings).where(shops.c.id == shop_id).with_for_update()).scalar_one()
    merged = {**current, **changes}
    ShopSettingsSchema().load(merged)
    connection.execute(update(shops).where(shops.c.id == shop_id).values(settings=merged))
