"""What a Brevo account holds besides contacts: its plan, lists, attributes, senders with their domains, webhooks.

Each function makes its calls and answers a part of ``brevo_surveys.found``: the merchant's own affairs, nothing of a
contact. Raises ProviderError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.brevo.client import BrevoAccount
from webhooks.addresses import brevo_channel

# Machine seconds for which a second call waits for its turn.
_PATIENCE = 5.0
_MOST_DOMAINS = 5
HOOKS = ("transactional", "marketing")
"""The types of webhooks that report what becomes of messages and contacts."""
_RECORDS = {"brevo_code": "Brevo code", "dkim_record": "DKIM", "dmarc_record": "DMARC"}


def account(at: BrevoAccount) -> dict[str, Any]:
    """What ``described`` says of the account."""
    return described(at.account())


def described(told: Mapping[str, Any]) -> dict[str, Any]:
    """{"account": {company, email, organisation, automation}, "plan": [{type, credits, credits_type}]} of GET
    /account."""
    automation = told.get("marketingAutomation")
    return {
        "account": {
            "company": str(told.get("companyName") or ""),
            "email": str(told.get("email") or ""),
            "organisation": str(told.get("organization_id") or ""),
            "automation": bool(isinstance(automation, Mapping) and automation.get("enabled")),
        },
        "plan": [
            {"type": plan.get("type"), "credits": plan.get("credits"), "credits_type": plan.get("creditsType")}
            for plan in told.get("plan") or ()
            if isinstance(plan, Mapping)
        ],
    }


def lists(at: BrevoAccount) -> dict[str, Any]:
    """{"lists": [{id, name, folder}], "folders": [{id, name}], "attributes": {name: type}}"""
    folders = {int(one["id"]): str(one.get("name")) for one in at.folders() if "id" in one}
    at.await_turn("contacts", _PATIENCE, lane="bulk")
    found = at.lists()
    at.await_turn("contacts", _PATIENCE, lane="bulk")
    attributes = at.attributes()
    return {
        "folders": [{"id": number, "name": name} for number, name in folders.items()],
        "lists": [
            {"id": one.get("id"), "name": str(one.get("name")), "folder": folders.get(int(one.get("folderId") or 0))}
            for one in found
        ],
        "attributes": {str(one.get("name")): str(one.get("type") or one.get("category")) for one in attributes},
    }


def senders(at: BrevoAccount) -> dict[str, Any]:
    """{"senders": [{email, name, active}], "domains": [...]}: ``domains`` of the senders, see ``domain``."""
    found: list[dict[str, Any]] = [
        {"email": str(one["email"]).lower(), "name": one.get("name"), "active": bool(one.get("active", True))}
        for one in at.senders()
        if one.get("email")
    ]
    at.await_turn("other", _PATIENCE, lane="bulk")
    known = {str(one.get("domain_name")).lower() for one in at.domains()}
    names = dict.fromkeys(one["email"].rpartition("@")[2] for one in sorted(found, key=lambda one: not one["active"]))
    domains = []
    for name in list(names)[:_MOST_DOMAINS]:
        if name in known:
            at.await_turn("other", _PATIENCE, lane="bulk")
        domains.append(domain(at, name) if name in known else _absent(name))
    return {"senders": found, "domains": domains}


def domain(at: BrevoAccount, name: str) -> dict[str, Any]:
    """{name, known, verified, authenticated, missing: [record], records: {record: {host, type, value, found}}}"""
    told = at.domain(name)
    if told is None:
        return _absent(name)
    records = told.get("dns_records")
    shown = {
        spoken: {
            "host": records[key].get("host_name"),
            "type": records[key].get("type"),
            "value": records[key].get("value"),
            "found": records[key].get("status") is True,
        }
        for key, spoken in _RECORDS.items()
        if isinstance(records, Mapping) and isinstance(records.get(key), Mapping)
    }
    return {
        "name": name,
        "known": True,
        "verified": told.get("verified") is True,
        "authenticated": told.get("authenticated") is True,
        "missing": [spoken for spoken, record in shown.items() if not record["found"]],
        "records": shown,
    }


def _absent(name: str) -> dict[str, Any]:
    return {"name": name, "known": False, "verified": False, "authenticated": False, "missing": [], "records": {}}


def webhooks(at: BrevoAccount) -> dict[str, Any]:
    """{"webhooks": [{id, url, type, channel, events}]}"""
    found = []
    for number, kind in enumerate(HOOKS):
        if number:
            at.await_turn("other", _PATIENCE, lane="bulk")
        found += [
            {
                "id": one.get("id"),
                "url": str(one.get("url")),
                "type": kind,
                "channel": brevo_channel(one),
                "events": list(one.get("events") or ()),
            }
            for one in at.webhooks(kind)
        ]
    return {"webhooks": found}


def in_words(found: Mapping[str, Any]) -> str:
    """How a domain stands, as one sentence; ``found`` as ``domain`` answers."""
    if not found["known"]:
        return f"{found['name']} is not set up at Brevo: messages go out under Brevo's own domain, or land in spam."
    if found["authenticated"]:
        return f"{found['name']} is authenticated: DKIM and DMARC are in place, SPF is that of Brevo's return path."
    if found["missing"]:
        return f"{found['name']} is not authenticated: of its DNS records Brevo does not find {_and(found['missing'])}."
    return f"{found['name']} is not authenticated, though its DNS records are found: start the check at Brevo."


def to_enter(found: Mapping[str, Any]) -> str:
    """What has to be entered into the DNS of a domain, "" when that is not known."""
    wanted = [found["records"][name] for name in found["missing"]]
    return "; ".join(f"{one['type']} {one['host']} = {one['value']}" for one in wanted)


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
