"""The WhatsApp templates of a shop's account at Brevo, as they were last read there.

Meta approves them, and may pause them or call them something else at any time. Brevo is asked again at most once in
REST, because the call is one of the 100 in an hour by which everything on WhatsApp leaves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from connector.brevo.calls import JSON
from connector.brevo.client import BrevoAccount
from connector.brevo.whatsapp_calls import WHATSAPP_TEMPLATES_PAGE
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ProviderError, Refused
from connector.logging import get
from connector.models.whatsapp import whatsapp_accounts, whatsapp_templates
from connector.shops import Shop
from flows.channels.channel import Withheld
from flows.content.source import MessageSource

log = get(__name__)

BUCKET = "other"
REST = timedelta(hours=1)
"""Machine time for which what was read is good."""
# Machine seconds that somebody at a terminal waits for Brevo's limit.
_PATIENCE = 10.0
_MOST_PAGES = 10


@dataclass(frozen=True, slots=True)
class Template:
    """``category``: MARKETING, UTILITY or AUTHENTICATION; ``status``: approved, or what it is instead."""

    id: int
    name: str
    language: str
    category: str
    status: str

    @property
    def approved(self) -> bool:
        return self.status == "approved"

    @property
    def purpose(self) -> str:
        return "marketing" if self.category == "MARKETING" else "transactional"


def kept(connection: Connection, shop_id: int) -> Sequence[Template] | None:
    """The templates as they were last read, by id; None when they never were."""
    read = select(whatsapp_accounts.c.read_real).where(whatsapp_accounts.c.shop_id == shop_id)
    if connection.scalar(read) is None:
        return None
    columns = [whatsapp_templates.c[name] for name in Template.__annotations__]
    rows = connection.execute(select(*columns).where(whatsapp_templates.c.shop_id == shop_id).order_by(columns[0]))
    return [Template(*row) for row in rows]


def account(connection: Connection, shop_id: int) -> Mapping[str, Any]:
    """What Brevo told of the account when the templates were last read."""
    found = connection.scalar(select(whatsapp_accounts.c.found).where(whatsapp_accounts.c.shop_id == shop_id))
    return found or {}


def chosen(source: MessageSource, templates: Sequence[Template] | None, languages: Collection[str]) -> Template:
    """The template that this message is sent by. ``languages``: of the person first, then of the shop (de, pt-BR).

    Several may have one name, each in a language. Raises Withheld, with a sentence for the merchant.
    """
    wanted = source.template
    if templates is None:
        sentence = "The WhatsApp templates at Brevo have not been read yet: Settings, WhatsApp templates does."
        raise Withheld("template_unknown", sentence)
    found = [one for one in templates if wanted in (one.id, one.name)]
    if not found:
        sentence = f"Brevo has no WhatsApp template {wanted}: it has {_listed(templates)}."
        raise Withheld("template_unknown", sentence)
    usable = [one for one in found if one.approved]
    if not usable:
        sentence = f"The WhatsApp template {wanted} is not approved, it is {found[0].status}: have Meta approve it."
        raise Withheld("template_not_approved", sentence)
    best = min(usable, key=lambda one: (_distance(one.language, languages), one.id))
    if best.purpose != source.purpose:
        sentence = (
            f"The message is {source.purpose}, the WhatsApp template {wanted} is {best.category} for Meta:"
            f" write purpose: {best.purpose}, or take another template."
        )
        raise Withheld("template_category", sentence)
    return best


def _listed(templates: Sequence[Template]) -> str:
    return ", ".join(f"{one.id} ({one.name})" for one in templates[:20]) or "none"


def _distance(language: str, wanted: Collection[str]) -> int:
    """How far a template's language (pt_BR) is from the first that is wanted: the same, only the first part, none."""
    had = language.replace("_", "-").lower()
    for place, one in enumerate(one.replace("_", "-").lower() for one in wanted if one):
        if had == one:
            return 2 * place
        if had.split("-")[0] == one.split("-")[0]:
            return 2 * place + 1
    return 2 * len(wanted)


def refresh(deps: Deps, shop: Shop) -> None:
    """Have the templates read again when what is known of them is old and Brevo has room. Trouble is logged: what was
    read before counts on."""
    if not _is_time(deps, shop):
        return
    brevo = deps.brevo(shop)
    if brevo.take(BUCKET) > 0:
        return
    try:
        _keep(deps, shop, _found(brevo), _pages(brevo))
    except ProviderError as error:
        log.warning("whatsapp_templates_not_read", shop_id=shop.id, error=type(error).__name__)


def read_now(deps: Deps, shop: Shop) -> None:
    """Read them now. Raises ProviderError."""
    brevo = deps.brevo(shop)
    brevo.await_turn(BUCKET, _PATIENCE)
    _keep(deps, shop, _found(brevo), _pages(brevo))


def _is_time(deps: Deps, shop: Shop) -> bool:
    """Whether the caller is the one that asks now; who comes meanwhile goes by what is known."""
    machine = deps.clock.machine()
    asked = insert(whatsapp_accounts).values(shop_id=shop.id, asked_real=machine, found={})
    mine = asked.on_conflict_do_update(
        index_elements=["shop_id"],
        set_={"asked_real": asked.excluded.asked_real},
        where=whatsapp_accounts.c.asked_real <= machine - REST,
    ).returning(whatsapp_accounts.c.shop_id)
    with transaction(deps.engine) as connection:
        return connection.scalar(mine) is not None


def _found(brevo: BrevoAccount) -> JSON:
    """How the account stands, where Brevo says so: nothing hangs on it."""
    if brevo.take(BUCKET) > 0:
        return {}
    try:
        return brevo.whatsapp_config()
    except Refused as error:
        return {"problem": error.detail}


def _pages(brevo: BrevoAccount) -> list[Template]:
    """Every template; the call for the first page has been taken."""
    found: dict[int, Template] = {}
    for page in range(_MOST_PAGES):
        if page:
            brevo.await_turn(BUCKET, _PATIENCE)
        rows = brevo.whatsapp_templates(page * WHATSAPP_TEMPLATES_PAGE)
        found.update({one.id: one for one in map(_template, rows) if one is not None})
        if len(rows) < WHATSAPP_TEMPLATES_PAGE:
            break
    return list(found.values())


def _template(row: JSON) -> Template | None:
    """A row as Brevo lists it; None for one without a number."""
    number = row.get("id")
    if isinstance(number, str) and number.isdecimal():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    texts = (str(row.get(name) or "")[:200] for name in ("name", "language", "category", "status"))
    name, language, category, status = texts
    return Template(number, name, language, category.upper(), status.lower())


def _keep(deps: Deps, shop: Shop, found: JSON, templates: Sequence[Template]) -> None:
    machine = deps.clock.machine()
    newer = {"asked_real": machine, "read_real": machine, "found": found}
    with transaction(deps.engine) as connection:
        row = insert(whatsapp_accounts).values(shop_id=shop.id, **newer)
        # The row is the lock of those who read at once.
        connection.execute(row.on_conflict_do_update(index_elements=["shop_id"], set_=newer))
        connection.execute(delete(whatsapp_templates).where(whatsapp_templates.c.shop_id == shop.id))
        if templates:
            connection.execute(insert(whatsapp_templates), [{"shop_id": shop.id, **asdict(one)} for one in templates])
