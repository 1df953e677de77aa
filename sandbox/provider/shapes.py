"""Request bodies of the endpoints served here, and the check of a body against its shape.

Notation: "string" | "integer" | "number" | "boolean" | "map" (free-form object), a tuple for an enumeration,
`[item]` for a list, `OneOf` for a choice, a dict for a record; a field name ending in `*` is required. The tables
repeat the request models of the provider's SDK 5.1.0 (its derived OpenAPI file);
`tests/sandbox/test_provider_contract.py` proves them equal to it. A field that is not in the table is refused, at
every depth: the real provider is laxer in places, a caller that relies on that is wrong all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.provider.wire import Refusal, invalid, missing


@dataclass(frozen=True)
class OneOf:
    """A value of one of several shapes."""

    shapes: tuple[Any, ...]


PERSON = {"contactPixelTrackingConsent": "boolean", "email*": "string", "name": "string"}
REPLY_TO = {"email*": "string", "name": "string"}
VERSION = {
    "bcc": [PERSON], "cc": [PERSON], "htmlContent": "string", "params": "map", "replyTo": REPLY_TO,
    "subject": "string", "textContent": "string", "to*": [PERSON],
}  # fmt: skip
EMAIL = {
    "attachment": [{"content": "string", "name": "string", "url": "string"}],
    "batchId": "string", "bcc": [PERSON], "cc": [PERSON], "headers": "map", "htmlContent": "string",
    "messageVersions": [VERSION], "params": "map", "replyTo": REPLY_TO, "scheduledAt": "string",
    "sender": {"email": "string", "id": "integer", "name": "string"}, "subject": "string",
    "tags": ["string"], "templateId": "integer", "textContent": "string", "to": [PERSON],
}  # fmt: skip

CONTACT_CREATE = {
    "attributes": "map", "email": "string", "emailBlacklisted": "boolean", "ext_id": "string",
    "listIds": ["integer"], "smsBlacklisted": "boolean", "smtpBlacklistSender": ["string"],
    "updateEnabled": "boolean", "forceMerge": "boolean", "getId": "boolean",
}  # fmt: skip
CONTACT_UPDATE = {
    "attributes": "map", "emailBlacklisted": "boolean", "ext_id": "string", "listIds": ["integer"],
    "smsBlacklisted": "boolean", "smtpBlacklistSender": ["string"], "unlinkListIds": ["integer"],
    "forceMerge": "boolean",
}  # fmt: skip
CONTACT_IMPORT = {
    "disableNotification": "boolean", "emailBlacklist": "boolean", "emptyContactsAttributes": "boolean",
    "fileBody": "string", "fileUrl": "string", "jsonBody": [{"attributes": "map", "email": "string"}],
    "listIds": ["integer"], "consentGroupIds": ["integer"],
    "newList": {"folderId": "integer", "listName": "string"}, "notifyUrl": "string",
    "smsBlacklist": "boolean", "updateExistingContacts": "boolean",
}  # fmt: skip
DOUBLE_OPT_IN = {
    "attributes": "map", "contactPixelTrackingConsent": "boolean", "email*": "string",
    "excludeListIds": ["integer"], "includeListIds*": ["integer"], "redirectionUrl*": "string",
    "templateId*": "integer",
}  # fmt: skip
OPTION = {"label*": "string", "value*": "integer"}
ATTRIBUTE_CREATE = {
    "enumeration": [OPTION], "isRecurring": "boolean", "multiCategoryOptions": ["string"],
    "type": ("text", "date", "float", "boolean", "id", "category", "multiple-choice", "user"),
    "value": "string",
}  # fmt: skip
ATTRIBUTE_UPDATE = {"enumeration": [OPTION], "multiCategoryOptions": ["string"], "value": "string"}
FOLDER = {"name": "string"}
LIST = {"folderId*": "integer", "name*": "string"}
LIST_UPDATE = {"folderId": "integer", "name": "string"}
LIST_ADD = {"emails": ["string"], "extIds": ["string"], "ids": ["integer"]}
LIST_REMOVE = {"all": "boolean", **LIST_ADD}

SENDER_CREATE = {
    "email*": "string", "ips": [{"domain*": "string", "ip*": "string", "weight": "integer"}], "name*": "string",
}  # fmt: skip
DOMAIN_CREATE = {"name*": "string"}
TEMPLATE_UPDATE = {
    "attachmentUrl": "string", "htmlContent": "string", "htmlUrl": "string", "isActive": "boolean",
    "replyTo": "string", "sender": {"email": "string", "id": "integer", "name": "string"}, "subject": "string",
    "tag": "string", "templateName": "string", "toField": "string",
}  # fmt: skip
TEMPLATE_CREATE = {
    **{name: shape for name, shape in TEMPLATE_UPDATE.items() if name not in ("sender", "subject", "templateName")},
    "sender*": TEMPLATE_UPDATE["sender"], "subject*": "string", "templateName*": "string",
}  # fmt: skip
TEMPLATE_PREVIEW = {"email": "string", "params": "map", "templateId*": "integer"}

SMS = {
    "organisationPrefix": "string", "recipient*": "string", "sender*": "string",
    "tag": OneOf(("string", ["string"])), "type": ("transactional", "marketing"), "unicodeEnabled": "boolean",
    "webUrl": "string", "params": "map", "templateId": "integer", "content": "string",
}  # fmt: skip
# By template, or free text: fields of both, as the handler tells them apart.
WHATSAPP = {
    "contactNumbers": ["string"], "params": "map", "senderNumber": "string", "templateId": "integer", "text": "string",
}  # fmt: skip
WHATSAPP_TEMPLATE = {
    "bodyText*": "string", "category*": ("MARKETING", "UTILITY"), "headerText": "string", "language*": "string",
    "mediaUrl": "string", "name*": "string", "source": ("Automation", "Conversations"),
}  # fmt: skip

EVENT_IDENTIFIERS = {
    "contact_id": "integer", "email_id": "string", "ext_id": "string", "landline_number_id": "string",
    "phone_id": "string", "whatsapp_id": "string",
}  # fmt: skip
EVENT = {
    "contact_properties": "map", "event_date": "string", "event_name*": "string", "event_properties": "map",
    "identifiers*": EVENT_IDENTIFIERS,
    "object": {"identifiers": {"ext_id": "string", "id": "string"}, "type": "string"},
}  # fmt: skip
EVENT_BATCH = {"events*": [EVENT]}

HOOK_EVENTS = (
    "sent", "hardBounce", "softBounce", "blocked", "spam", "delivered", "request", "click", "invalid",
    "deferred", "opened", "uniqueOpened", "unsubscribed", "listAddition", "contactUpdated", "contactDeleted",
    "inboundEmailProcessed", "reply",
)  # fmt: skip
HOOK_UPDATE = {
    "auth": {"token": "string", "type": "string"}, "batched": "boolean", "description": "string",
    "domain": "string", "events": [HOOK_EVENTS], "headers": [{"key": "string", "value": "string"}],
    "url": "string",
}  # fmt: skip
HOOK_CREATE = {
    **{name: shape for name, shape in HOOK_UPDATE.items() if name != "url"},
    "url*": "string", "channel": ("email", "sms"), "type": ("marketing", "transactional", "inbound"),
}  # fmt: skip

COUPON_COLLECTION = {
    "defaultCoupon*": "string", "expirationDate": "string", "name*": "string", "remainingCouponsAlert": "integer",
    "remainingDaysAlert": "integer",
}  # fmt: skip
COUPONS = {"collectionId*": "string", "coupons*": ["string"]}

ORDER = {
    "amount*": "number",
    "billing": {
        "address": "string", "city": "string", "country": "string", "countryCode": "string",
        "paymentMethod": "string", "phone": "string", "postCode": "string", "region": "string",
    },
    "coupons": ["string"], "createdAt*": "string", "id*": "string",
    "identifiers": {
        "email_id": "string", "ext_id": "string", "loyalty_subscription_id": "string", "phone_id": "string",
    },
    "metaInfo": "map",
    "products*": [
        {
            "price*": "number", "productId*": "string", "variantId": "string", "quantity": "integer",
            "quantityFloat": "number",
        }
    ],
    "status*": "string", "storeId": "string", "updatedAt*": "string",
}  # fmt: skip
ORDER_BATCH = {"historical": "boolean", "notifyUrl": "string", "orders*": [ORDER]}
PRODUCT_FIELDS = {
    "brand": "string", "categories": ["string"], "deletedAt": "string", "description": "string",
    "id*": "string", "imageUrl": "string", "isDeleted": "boolean", "metaInfo": "map", "name*": "string",
    "parentId": "string", "price": "number", "alternativePrice": "number", "sku": "string",
    "stock": "number", "url": "string",
}  # fmt: skip
PRODUCT = {**PRODUCT_FIELDS, "updateEnabled": "boolean"}
PRODUCT_BATCH = {"products*": [PRODUCT_FIELDS], "updateEnabled": "boolean"}
ALERT = {"contactIdentifiers": {"email": "string", "ext_id": "string", "sms": "string"}}
CATEGORY_FIELDS = {
    "deletedAt": "string", "id*": "string", "isDeleted": "boolean", "name": "string", "url": "string",
}  # fmt: skip
CATEGORY = {**CATEGORY_FIELDS, "updateEnabled": "boolean"}
CATEGORY_BATCH = {"categories*": [CATEGORY_FIELDS], "updateEnabled": "boolean"}


def check(value: Any, shape: Any, where: str = "") -> None:
    """Raise Refusal (invalid_parameter or missing_parameter) where `value` departs from `shape`."""
    if isinstance(shape, OneOf):
        _check_one_of(value, shape, where)
    elif isinstance(shape, dict):
        _check_record(value, shape, where)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise invalid(f"{where} should be an array")
        for index, item in enumerate(value):
            check(item, shape[0], f"{where}[{index}]")
    elif isinstance(shape, tuple):
        if not isinstance(value, str) or value not in shape:
            raise invalid(f"{where} should be one of {', '.join(shape)}")
    elif not _is(value, shape):
        raise invalid(f"{where} should be of type {'object' if shape == 'map' else shape}")


def _check_one_of(value: Any, shape: OneOf, where: str) -> None:
    for one in shape.shapes:
        try:
            return check(value, one, where)
        except Refusal as refusal:
            why = refusal
    raise why


def _check_record(value: Any, shape: dict[str, Any], where: str) -> None:
    if not isinstance(value, dict):
        raise invalid(f"{where or 'Input'} should be an object")
    prefix = f"{where}." if where else ""
    unseen = dict(value)
    for field, field_shape in shape.items():
        name = field.rstrip("*")
        if name in unseen:
            check(unseen.pop(name), field_shape, prefix + name)
        elif field.endswith("*"):
            raise missing(f"{prefix}{name} is missing")
    if unseen:
        raise invalid(f"Invalid parameter passed: {prefix}{next(iter(unseen))}")


def _is(value: Any, kind: str) -> bool:
    # bool is a subclass of int: a caller who sends true for a number must hear of it.
    match kind:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "map":
            return isinstance(value, dict)
    raise ValueError(f"unknown shape {kind!r}")
