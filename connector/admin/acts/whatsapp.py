"""The WhatsApp templates of the account at Brevo: which there are, and having them read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector import audit
from connector.admin.access import Visitor
from connector.admin.acts.act import Act, Given, View
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput
from connector.shops import Shop
from flows.channels import whatsapp_templates
from flows.channels.whatsapp_templates import Template


def read(deps: Deps, shop: Shop) -> Sequence[Template] | None:
    """As they were last read, by number; None when they never were."""
    with transaction(deps.engine) as connection:
        return whatsapp_templates.kept(connection, shop.id)


def _list(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    """``rows`` null: they were never read."""
    found = read(deps, shop)
    rows = [
        {"id": one.id, "name": one.name, "language": one.language, "purpose": one.purpose, "status": one.status}
        for one in found or ()
    ]
    # As many as Brevo was asked for: some hundreds at the most.
    return {"rows": None if found is None else rows, "next": None}


def _read_now(deps: Deps, shop: Shop, visitor: Visitor, given: Given) -> Mapping[str, Any]:
    """Raises the ProviderError of Brevo, which changes nothing."""
    if not shop.has_brevo:
        raise InvalidInput("Connect Brevo first: the templates are there.")
    whatsapp_templates.read_now(deps, shop)
    count = len(read(deps, shop) or ())
    with deps.open(shop) as scope:
        audit.note(
            scope,
            actor=visitor.actor,
            act="whatsapp.read_templates",
            object_kind="whatsapp templates",
            object_id=shop.id,
            detail={"templates": count},
        )
    return {"templates": count}


READ_NOW = Act("read_whatsapp_templates", "whatsapp-templates", "Read the WhatsApp templates at Brevo now.", _read_now)
ACTS = (READ_NOW,)
VIEWS = (View("whatsapp_templates", "whatsapp-templates", "The WhatsApp templates as last read.", _list),)
