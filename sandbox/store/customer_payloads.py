"""Bodies of what happens to customers beside their record: consent, tags, purchases, segments, merges, deletion."""

from __future__ import annotations

from typing import Any

from sandbox.store.payload_parts import amount, local_time, utc_millis
from sandbox.store.records import Consent, Customer, Segment
from sandbox.store.shop import Shop


def email_consent(shop: Shop, person: Customer) -> dict[str, Any]:
    return {
        "customer_id": person.id,
        "email_address": person.email,
        "email_marketing_consent": _said(shop, person.consent, "consent_updated_at"),
    }


def sms_consent(shop: Shop, person: Customer) -> dict[str, Any]:
    said = _said(shop, person.sms_consent, "consent_updated_at")
    said["consent_collected_from"] = "other"
    return {"id": person.id, "phone": person.phone, "sms_marketing_consent": said}


def whatsapp_consent(shop: Shop, person: Customer) -> dict[str, Any]:
    said = _said(shop, person.whatsapp_consent, "updated_at")
    said["collected_from"] = "other"
    return {"customer_id": person.id, "phone_number": person.phone, "whats_app_marketing_consent": said}


# Channel -> topic and body.
CONSENT = {
    "email": ("customers_email_marketing_consent/update", email_consent),
    "sms": ("customers_marketing_consent/update", sms_consent),
    "whatsapp": ("customers_whats_app_marketing_consent/update", whatsapp_consent),
}


def tags(person: Customer, changed: list[str], at: float) -> dict[str, Any]:
    """Body of customer.tags_added and customer.tags_removed: only the tags that changed."""
    return {"customerId": _gid(person.id), "tags": changed, "occurredAt": utc_millis(at)}


def purchasing_summary(shop: Shop, person: Customer, at: float) -> dict[str, Any]:
    last = person.orders[-1] if person.orders else None
    return {
        "customerId": _gid(person.id),
        "numberOfOrders": len(person.orders),
        "amountSpent": {"amount": amount(shop.spent(person)), "currencyCode": shop.settings.currency},
        "lastOrderId": f"gid://shopify/Order/{last.id}" if last else None,
        "occurredAt": utc_millis(at),
    }


def membership(shop: Shop, person: Customer, segment: Segment) -> dict[str, Any]:
    """Body of customer.joined_segment and customer.left_segment."""
    return {
        "shop_id": f"gid://shopify/Shop/{shop.id}",
        "customer_id": _gid(person.id),
        "segment_id": f"gid://shopify/Segment/{segment.id}",
    }


def merged(kept: Customer, gone: Customer, job_id: str | None = None) -> dict[str, Any]:
    return _merge(kept, gone, job_id, "completed", [])


def merge_failed(one: Customer, two: Customer) -> dict[str, Any]:
    name = " ".join(part for part in (one.first_name, one.last_name) if part) or one.email
    error = {
        "customer_ids": [one.id],
        "field": "merge_in_progress",
        "message": f"{name} is currently being merged.",
    }
    return _merge(one, two, None, "failed", [error])


def deleted(person: Customer) -> dict[str, Any]:
    return {"id": person.id, "tax_exemptions": [], "admin_graphql_api_id": _gid(person.id)}


def _merge(kept: Customer, gone: Customer, job_id: str | None, status: str, errors: list[Any]) -> dict[str, Any]:
    return {
        "admin_graphql_api_customer_kept_id": _gid(kept.id),
        "admin_graphql_api_customer_deleted_id": _gid(gone.id),
        "admin_graphql_api_job_id": job_id,
        "status": status,
        "errors": errors,
    }


def _said(shop: Shop, consent: Consent, updated: str) -> dict[str, Any]:
    return {
        "state": consent.state,
        "opt_in_level": consent.opt_in_level,
        updated: local_time(shop, consent.updated_at),
    }


def _gid(customer_id: int) -> str:
    return f"gid://shopify/Customer/{customer_id}"
