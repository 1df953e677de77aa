"""Values that several fields of the Admin API are answered with: money, pictures, addresses, constants."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from graphql import GraphQLResolveInfo

from sandbox.store import pages
from sandbox.store.records import Address, Checkout, Consent, Customer, Line, Order, Product


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def money(value: Decimal, info: GraphQLResolveInfo) -> dict[str, str]:
    return {"amount": f"{value:.2f}", "currency_code": info.context.shop.settings.currency}


def bag(value: Decimal, info: GraphQLResolveInfo, sale: Order | None) -> dict[str, Any]:
    """An amount in the shop's currency, and in the one that the order was paid in."""
    ours = money(value, info)
    if sale is None or sale.presentment_currency is None:
        return {"shop_money": ours, "presentment_money": ours}
    theirs = f"{value * sale.presentment_rate:.2f}"
    return {"shop_money": ours, "presentment_money": {"amount": theirs, "currency_code": sale.presentment_currency}}


def bag_of(value: Callable[[Any], Decimal]) -> Callable[..., Any]:
    """Of an order, or of what belongs to one: lines and refunds say to which."""
    return lambda source, info, **arguments: bag(
        value(source), info, source if isinstance(source, Order) else getattr(source, "order", None)
    )


def zero(source: Any) -> Decimal:
    return Decimal(0)


def image(product: Product) -> dict[str, Any]:
    url = product.image_url
    size = {"width": 600, "height": 600}
    return {"id": gid("ProductImage", product.id), "url": url, "src": url, "alt_text": product.title, **size}


def media(product: Product, info: GraphQLResolveInfo) -> dict[str, Any]:
    picture = image(product)
    return {
        "__typename": "MediaImage",
        "id": gid("MediaImage", product.id),
        "alt": product.title,
        "image": picture,
        "preview": {"image": picture, "status": "READY"},
        "media_content_type": "IMAGE",
        "status": "READY",
    }


def email_address(person: Customer, info: GraphQLResolveInfo) -> dict[str, Any] | None:
    consent = person.consent
    if person.email is None:
        return None
    return {
        "email_address": person.email,
        "marketing_state": consent.state.upper(),
        "marketing_opt_in_level": consent.opt_in_level.upper() if consent.opt_in_level else None,
        "marketing_updated_at": consent.updated_at,
        "marketing_unsubscribe_url": f"{info.context.shop.base_url}/account/unsubscribe/{person.id}",
        "open_tracking_level": "UNKNOWN",
        "valid_format": True,
    }


def phone_number(person: Customer, info: GraphQLResolveInfo) -> dict[str, Any] | None:
    if not person.phone:
        return None
    sms = _phone_consent(person.sms_consent)
    return {
        "phone_number": person.phone,
        # The older fields, which know no NEVER_SUBSCRIBED.
        "marketing_state": person.sms_consent.state.upper(),
        "marketing_opt_in_level": sms["opt_in_level"],
        "marketing_updated_at": sms["updated_at"],
        "marketing_collected_from": sms["collected_from"],
        "sms_marketing_consent": sms,
        "whats_app_marketing_consent": _phone_consent(person.whatsapp_consent),
    }


def _phone_consent(consent: Consent) -> dict[str, Any]:
    never = consent.state == "not_subscribed"
    return {
        "state": "NEVER_SUBSCRIBED" if never else consent.state.upper(),
        "opt_in_level": consent.opt_in_level.upper() if consent.opt_in_level else None,
        "updated_at": consent.updated_at,
        "collected_from": None if consent.updated_at is None else "OTHER",
    }


def price_range(product: Product, info: GraphQLResolveInfo) -> dict[str, Any]:
    prices = [variant.price for variant in product.variants]
    return {"min_variant_price": money(min(prices), info), "max_variant_price": money(max(prices), info)}


def constant(value: Any) -> Callable[..., Any]:
    return lambda source, info, **arguments: value


def own_id(kind: str) -> Callable[..., str]:
    return lambda source, info: gid(kind, source.id)


def legacy_id(source: Any, info: GraphQLResolveInfo) -> str:
    return str(source.id)


def formatted_area(place: Address, info: GraphQLResolveInfo) -> str:
    return ", ".join(part for part in (place.city, place.province_code, place.country) if part)


def variant_title(line: Line, info: GraphQLResolveInfo) -> str | None:
    return None if line.variant.title == "Default Title" else line.variant.title


def line_name(line: Line, info: GraphQLResolveInfo) -> str:
    title = variant_title(line, info)
    return f"{line.variant.product.title} - {title}" if title else line.variant.product.title


def abandoned_lines(cart: Checkout, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
    return pages.page(cart.lines, arguments)
