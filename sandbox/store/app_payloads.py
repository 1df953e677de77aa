"""Bodies of the topics about the app and of the law's three, key for key as the platform's samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.store.bulk.operation import Operation
from sandbox.store.payload_parts import local_time, utc_millis
from sandbox.store.records import Customer
from sandbox.store.shop import Shop


def shop(subject: Shop) -> dict[str, Any]:
    """Body of app/uninstalled: the shop, with the nulls of the sample, `domain` and `myshopify_domain` among them."""
    settings, name = subject.settings, subject.domain.partition(".")[0]
    money = f"{{{{amount}}}} {settings.currency}"
    email = f"owner@{name}.example"
    return {
        "id": subject.id,
        "name": settings.name or name.title(),
        "email": email,
        "domain": None,
        "province": None,
        "country": settings.country_code,
        "address1": "1 Market Square",
        "zip": "69002",
        "city": "Lyon" if settings.country_code == "FR" else "Springfield",
        "source": None,
        "phone": None,
        "latitude": None,
        "longitude": None,
        "primary_locale": settings.locale,
        "address2": None,
        "created_at": None,
        "updated_at": None,
        "country_code": settings.country_code,
        "country_name": settings.country,
        "currency": settings.currency,
        "customer_email": email,
        "timezone": f"({subject.offset(subject.opened_at)}) {settings.timezone}",
        "iana_timezone": None,
        "shop_owner": "Robin Owner",
        "money_format": "{{amount}}",
        "money_with_currency_format": money,
        "weight_unit": "g",
        "province_code": None,
        "taxes_included": None,
        "auto_configure_tax_inclusivity": None,
        "tax_shipping": None,
        "county_taxes": None,
        "plan_display_name": "Basic",
        "plan_name": "basic",
        "has_discounts": False,
        "has_gift_cards": False,
        "myshopify_domain": None,
        "google_apps_domain": None,
        "google_apps_login_enabled": None,
        "money_in_emails_format": "{{amount}}",
        "money_with_currency_in_emails_format": money,
        "eligible_for_payments": True,
        "requires_extra_payments_agreement": False,
        "password_enabled": None,
        "has_storefront": True,
        "finances": True,
        "primary_location_id": subject.location_id,
        "checkout_api_supported": True,
        "multi_location_enabled": False,
        "setup_required": False,
        "pre_launch_enabled": False,
        "enabled_presentment_currencies": [settings.currency],
        "marketing_sms_consent_enabled_at_checkout": False,
        "transactional_sms_disabled": False,
    }


def scopes_update(subject: Shop, previous: Iterable[str], current: Iterable[str], at: float) -> dict[str, Any]:
    return {
        "id": subject.number,
        "shop_id": f"gid://shopify/Shop/{subject.id}",
        "previous": sorted(previous),
        "current": sorted(current),
        "updated_at": utc_millis(at),
    }


def bulk_operation(subject: Shop, operation: Operation) -> dict[str, Any]:
    """Body of bulk_operations/finish: where the result is has to be asked for."""
    return {
        "admin_graphql_api_id": f"gid://shopify/BulkOperation/{operation.id}",
        "completed_at": local_time(subject, operation.completed_at),
        "created_at": local_time(subject, operation.created_at),
        "error_code": operation.error_code.lower() if operation.error_code else None,
        "status": operation.state,
        "type": "query",
    }


def shop_redact(subject: Shop) -> dict[str, Any]:
    return {"shop_id": subject.id, "shop_domain": subject.domain}


def data_request(subject: Shop, person: Customer, number: int) -> dict[str, Any]:
    orders = [order.id for order in person.orders]
    return {**_about(subject, person), "orders_requested": orders, "data_request": {"id": number}}


def customer_redact(subject: Shop, person: Customer) -> dict[str, Any]:
    return {**_about(subject, person), "orders_to_redact": [order.id for order in person.orders]}


def _about(subject: Shop, person: Customer) -> dict[str, Any]:
    customer = {"id": person.id, "email": person.email, "phone": person.phone}
    return {**shop_redact(subject), "customer": customer}
