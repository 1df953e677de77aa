"""What actions at the person's contact at Brevo have in common: which contact, and writing to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select

from connector.brevo.client import BrevoAccount
from connector.errors import Refused
from connector.models.person import persons
from connector.models.sync import sync_state
from connector.scope import Scope
from flows.actions.action import NotDone, NotYet

# Business seconds until it is asked again whether Brevo has the contact.
_UNTOLD_SECONDS = 60.0
_NOT_FOUND = 404

_CONTACT = (
    select(persons.c.email, sync_state.c.sent_version, sync_state.c.state)
    .outerjoin(
        sync_state,
        (sync_state.c.shop_id == persons.c.shop_id)
        & (sync_state.c.entity == "contact")
        & (sync_state.c.entity_id == persons.c.id),
    )
    .where(persons.c.shop_id == bindparam("shop_id"), persons.c.id == bindparam("person"))
)


def address_of(scope: Scope, person_id: int) -> str:
    """The address of the contact that Brevo has of this person: a contact is made by what tells Brevo of people, with
    what they agreed to, and never here. Raises NotYet as long as it is to be told, NotDone when it will not be."""
    if not scope.shop.has_brevo:
        raise NotDone("no_brevo")
    row = scope.connection.execute(_CONTACT, {"shop_id": scope.shop_id, "person": person_id}).one()
    if row.email is None or row.state is None or (not row.sent_version and row.state == "failed"):
        raise NotDone("no_contact")
    if not row.sent_version:
        raise NotYet("contact_not_there_yet", _UNTOLD_SECONDS)
    return str(row.email)


def write(account: BrevoAccount, address: str, change: Mapping[str, Any]) -> None:
    """Raises ProviderError; NotDone when Brevo has no such contact any more."""
    try:
        account.update_contact(address, change)
    except Refused as error:
        if error.status == _NOT_FOUND:
            raise NotDone("no_contact", error.detail) from error
        raise
