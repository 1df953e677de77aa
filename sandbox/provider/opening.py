"""Opening an account from its JSON form, with all that it held before anybody connected to it (README.md)."""

from __future__ import annotations

from typing import Any

from sandbox.provider import moments, plans
from sandbox.provider.access.credentials import Credential
from sandbox.provider.accounts import Account
from sandbox.provider.attributes import CATEGORIES, Attribute
from sandbox.provider.contacts import Change, normal
from sandbox.provider.limits import TIERS
from sandbox.provider.lists import Lists
from sandbox.provider.mailbox import REASONS
from sandbox.provider.phone.texts import WhatsappTemplate
from sandbox.provider.platform import Platform
from sandbox.provider.segments import Segment
from sandbox.provider.senders import Senders
from sandbox.provider.settings import Settings
from sandbox.provider.stored_templates import Template
from sandbox.provider.wire import Refusal

Given = dict[str, Any]


def open_account(platform: Platform, description: Given, now: float) -> Account:
    """Raises ValueError for what cannot be; then there is no such account."""
    given, accounts = dict(description), platform.accounts
    key, tier = given.pop("key", None), given.pop("tier", "general")
    if not isinstance(key, str) or not key:
        raise ValueError("an account needs a key")
    if tier not in TIERS:
        raise ValueError(f"tier should be one of {', '.join(TIERS)}")
    with accounts.lock:
        if accounts.get(key):
            raise ValueError(f"there is an account with key {key!r}")
        number = len(accounts.all()) + 1
        account = Account(
            key=key,
            number=number,
            organisation=given.pop("name", f"Account {number}"),
            api_key_name=given.pop("api_key_name", "sandbox"),
            tier=tier,
            plan=plans.rows(given.pop("plan", None), tier),
            daily_quota=given.pop("daily_quota", None),
            senders=_senders(given.pop("senders", [f"sender{number}@example.com"])),
            lists=Lists(now),
            settings=Settings(),
        )
        account.settings.update({**accounts.defaults, **given.pop("settings", {})})
        account.phone.credits = float(given.pop("sms_credits", account.phone.credits))
        account.phone.sms_templates = {int(id): text for id, text in given.pop("sms_templates", {}).items()}
        account.phone.whatsapp_number = given.pop("whatsapp_number", None)
        account.shop.active = bool(given.pop("ecommerce", False))
        try:
            _fill(account, given, now)
        except Refusal as refusal:
            raise ValueError(refusal.body["message"]) from None
        keys = given.pop("keys", [])
        if given:
            raise ValueError(f"unknown account field {sorted(given)[0]!r}")
        accounts.put(account)
        add_key(platform, account, {"key": key, "name": account.api_key_name})
        for row in keys:
            add_key(platform, account, row)
        return account


def _fill(account: Account, given: Given, now: float) -> None:
    """Take what the account held before out of `given` and put it into the account."""
    for domain in given.pop("domains", []):
        add_domain(account, {"name": domain} if isinstance(domain, str) else domain, now)
    for row in given.pop("attributes", []):
        account.attributes.define(_attribute(row))
    for name in given.pop("folders", []):
        account.lists.add_folder(name)
    for row in given.pop("lists", []):
        described: Given = {"name": row} if isinstance(row, str) else row
        account.lists.create(described["name"], described.get("folderId", 1), now, described.get("id"))
    for number, row in enumerate(given.pop("segments", []), start=1):
        segment = Segment(number, row["name"], row.get("category", "Default"), row.get("filter"), now)
        account.segments.append(segment)
    for id, row in given.pop("templates", {}).items():
        account.templates.put(_template(int(id), row, now))
    for number, row in enumerate(given.pop("whatsapp_templates", []), start=1):
        account.phone.whatsapp_templates[number] = _whatsapp_template(number, row, now)
    for row in given.pop("contacts", []):
        _contact(account, row, now)
    for row in given.pop("blocked", []):
        if row["reason"] not in REASONS:
            raise ValueError(f"reason should be one of {', '.join(REASONS)}")
        account.mailbox.block(
            normal("EMAIL", row["email"]), row["reason"], _moment(row.get("at"), now), row.get("sender")
        )


def add_domain(account: Account, row: Given, now: float) -> None:
    """`{"name", "code", "dkim", "dmarc", "authenticated"}`: records in the domain's DNS, all by default."""
    domain = account.senders.domains.get(row["name"]) or account.senders.add_domain(row["name"], now)
    for record in ("code", "dkim", "dmarc"):
        setattr(domain, record, bool(row.get(record, True)))
    domain.authenticated = domain.complete and bool(row.get("authenticated", True))


def add_key(platform: Platform, account: Account, row: Given) -> None:
    """`{"key", "name", "permissions", "expires_in" (wire seconds)}`: another key, or the same one changed."""
    unknown = set(row) - {"key", "name", "permissions", "expires_in"}
    if unknown:
        raise ValueError(f"unknown field {sorted(unknown)[0]!r} of a key")
    permissions, seconds = row.get("permissions"), row.get("expires_in")
    credential = Credential(
        account,
        row.get("name", account.api_key_name),
        permissions=None if permissions is None else frozenset(permissions),
        expires_at=None if seconds is None else platform.clock.wire() + float(seconds),
    )
    platform.credentials.put(row["key"], credential)


def _contact(account: Account, row: Given, now: float) -> None:
    """A row as GET /contacts shows it; `createdAt` and `modifiedAt` are ISO moments or unix seconds."""
    created = _moment(row.get("createdAt"), now)
    change = Change.of(row, account.attributes)
    if change.dropped:
        raise ValueError(f"the account has no attribute that takes {change.dropped[0]}")
    unknown = [id for id in change.add_lists if id not in account.lists]
    if unknown:
        raise ValueError(f"the account has no list {unknown[0]}")
    contact = account.contacts.upsert(change, created, 0.0, update=False, merge=False).contact
    contact.modified_at = _moment(row.get("modifiedAt"), created)


def _moment(given: Any, default: float) -> float:
    at = default if given is None else moments.parse(given) if isinstance(given, str) else float(given)
    if at is None:
        raise ValueError(f"{given!r} is no moment")
    return at


def _senders(given: list[Any]) -> Senders:
    senders = Senders()
    rows: list[Given] = [{"email": row} if isinstance(row, str) else row for row in given]
    for row in rows:
        name = row.get("name", row["email"].partition("@")[0])
        senders.add(row["email"], name, active=row.get("active", True))
    return senders


def _template(id: int, row: Given, now: float) -> Template:
    return Template(
        id=id,
        name=row.get("name", f"Template {id}"),
        subject=row.get("subject", ""),
        html=row.get("htmlContent", ""),
        sender=row.get("sender", {}),
        created_at=now,
        modified_at=now,
        active=row.get("isActive", True),
        tag=row.get("tag", ""),
        custom_id=row.get("customTemplateId"),
    )


def _whatsapp_template(id: int, row: Given, now: float) -> WhatsappTemplate:
    """`{"name", "body", "language", "category", "status"}`, approved by default."""
    return WhatsappTemplate(
        id,
        row["name"],
        row["body"],
        row.get("language", "en"),
        row.get("category", "MARKETING"),
        "Automation",
        now,
        now,
        row.get("status", "approved"),
    )


def _attribute(given: Given) -> Attribute:
    category = given.get("category", "normal")
    if category not in CATEGORIES or "name" not in given:
        raise ValueError("an attribute needs a name and a known category")
    return Attribute(
        category,
        given["name"],
        given.get("type", "text"),
        given.get("enumeration", []),
        given.get("options", []),
    )
