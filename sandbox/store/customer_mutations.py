"""The mutations about customers: consent on three channels, tags, merging. Refusals as recorded from the platform."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from sandbox.store.actions import Actions
from sandbox.store.customer_deeds import agree, tag, unite, untag
from sandbox.store.deed import Deed
from sandbox.store.merging import customer_by_number
from sandbox.store.records import Customer
from sandbox.store.resolvers import number_of
from sandbox.store.shop import Shop, Unknown
from sandbox.store.values import phone_number

SETTABLE = ("SUBSCRIBED", "UNSUBSCRIBED", "PENDING")
# A clock that is a little ahead is not the future.
AHEAD_SECONDS = 1.0


@dataclass(frozen=True)
class Wording:
    """How one channel's mutation names its input and fields; `lacks` is said to a customer without a phone."""

    channel: str
    input: str
    state: str
    level: str
    at: str
    lacks: str | None = None


_SMS_LACKS = "A phone number is required to set the SMS consent state."
_WHATSAPP_LACKS = "A phone number is required to set the WhatsApp consent state."
_OLD = ("marketingState", "marketingOptInLevel", "consentUpdatedAt")
EMAIL = Wording("email", "emailMarketingConsent", *_OLD)
SMS = Wording("sms", "smsMarketingConsent", *_OLD, _SMS_LACKS)
WHATSAPP = Wording("whatsapp", "whatsAppMarketingConsent", "state", "optInLevel", "updatedAt", _WHATSAPP_LACKS)


class _Refused(Exception):
    def __init__(self, field: list[str], message: str, code: str | None = "INVALID") -> None:
        super().__init__(message)
        self.error = {"field": field, "message": message, "code": code}


def customer_mutations(actions: Actions) -> dict[str, Callable[..., Any]]:
    """The resolvers, by field of `Mutation`; what they change is announced through `actions`."""

    def consent(wording: Wording, result: str) -> Callable[..., Any]:
        def update(source: Any, info: GraphQLResolveInfo[Any], input: dict[str, Any]) -> dict[str, Any]:
            need_scope(info, "write_customers")
            try:
                person = _consent(info, actions, wording, input["customerId"], input[wording.input])
            except _Refused as refusal:
                return {result: None, "user_errors": [refusal.error]}
            return {result: person if result == "customer" else phone_number(person, info), "user_errors": []}

        return update

    def tags(change: Callable[[Deed, Customer, list[str]], None], name: str) -> Callable[..., Any]:
        def update(source: Any, info: GraphQLResolveInfo[Any], id: str, tags: list[str]) -> dict[str, Any]:
            need_scope(info, "write_customers")
            person = info.context.shop.customers.get(number_of(id, "Customer") or 0)
            if person is None:
                return {"node": None, "user_errors": [{"field": ["id"], "message": "Customer does not exist"}]}
            deed = Deed(info.context.shop, info.context.now)
            change(deed, person, [part.strip() for text in tags for part in text.split(",") if part.strip()])
            if deed.news:
                actions.announce(deed, name)
            return {"node": person, "user_errors": []}

        return update

    def merge(
        source: Any,
        info: GraphQLResolveInfo[Any],
        customerOneId: str,
        customerTwoId: str,
        overrideFields: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        need_scope(info, "write_customer_merge")
        shop, now = info.context.shop, info.context.now
        deed = Deed(shop, now)
        job = f"gid://shopify/Job/{hashlib.sha256(f'{customerOneId}:{customerTwoId}:{now}'.encode()).hexdigest()[:32]}"
        try:
            one, two = (_numbered(shop, id) for id in (customerOneId, customerTwoId))
            wanted = (overrideFields or {}).get("customerIdOfEmailToKeep")
            kept = unite(deed, one, two, _numbered(shop, wanted) if wanted else None, job)
        except (Unknown, ValueError) as problem:
            error = {"field": None, "message": str(problem), "code": "INVALID_CUSTOMER_ID"}
            return {"job": None, "resulting_customer_id": None, "user_errors": [error]}
        actions.announce(deed, "merge_by_api")
        kept_id = f"gid://shopify/Customer/{kept.id}"
        return {"job": {"id": job, "done": False}, "resulting_customer_id": kept_id, "user_errors": []}

    return {
        "customerEmailMarketingConsentUpdate": consent(EMAIL, "customer"),
        "customerSmsMarketingConsentUpdate": consent(SMS, "customer"),
        "customerWhatsAppMarketingConsentUpdate": consent(WHATSAPP, "customer_phone_number"),
        "tagsAdd": tags(tag, "tags_by_api"),
        "tagsRemove": tags(untag, "tags_by_api"),
        "customerMerge": merge,
    }


def need_scope(info: GraphQLResolveInfo[Any], scope: str) -> None:
    """Raises GraphQLError as the platform does when the app was not granted `scope`."""
    if scope not in info.context.shop.installation.scopes:
        message = f"Access denied for {info.field_name} field. Required access: `{scope}` access scope."
        raise GraphQLError(message, extensions={"code": "ACCESS_DENIED", "requiredAccess": f"`{scope}` access scope."})


def _consent(
    info: GraphQLResolveInfo[Any], actions: Actions, wording: Wording, customer_id: str, asked: dict[str, Any]
) -> Customer:
    """The customer, with consent as asked or, where what is known is newer, as it was. Raises _Refused."""
    shop: Shop = info.context.shop
    now, name = info.context.now, ["input", wording.input]
    state, level, at = asked[wording.state], asked.get(wording.level), asked.get(wording.at)
    if state not in SETTABLE:
        problem = f"Cannot specify {state} as a marketing state input"
        raise GraphQLError(problem, extensions={"code": "INVALID"})
    person = shop.customers.get(number_of(customer_id, "Customer") or 0)
    if person is None:
        raise _Refused(["input", "customerId"], "Customer not found")
    if state == "SUBSCRIBED" and level is None:
        raise _Refused([*name, wording.level], "Marketing opt in level must exist", "MISSING_ARGUMENT")
    if state == "PENDING" and level != "CONFIRMED_OPT_IN":
        message = "Marketing opt in level must be confirmed opt-in for pending consent state"
        raise _Refused([*name, wording.level], message)
    if at is not None and at > now + AHEAD_SECONDS:
        raise _Refused([*name, wording.at], "Consent updated at must not be in the future")
    if wording.lacks is not None and person.phone is None:
        raise _Refused(name, wording.lacks)
    if wording.channel == "email" and person.email is None:
        # Recorded: no error, and nothing changes.
        return person
    deed = Deed(shop, now)
    if agree(deed, person, wording.channel, state.lower(), level.lower() if level else None, at, origin="api"):
        deed.customer("customers/update", person)
        actions.announce(deed, "consent_by_api")
    return person


def _numbered(shop: Shop, global_id: str) -> Customer:
    return customer_by_number(shop, number_of(global_id, "Customer"))
