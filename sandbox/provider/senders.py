"""Senders and their domains.

A domain is verified when the provider's own record (`brevo_code`) is found, authenticated when the DKIM and DMARC
records are found too. SPF is no part of the answers: the provider signs with a return path of its own.

Chosen where the documentation is silent: a new domain has none of its records; `PUT .../authenticate` finds what the
account's description or `POST /_control/domain` has put there; a sender is active at once when its domain is
authenticated and else waits for its address to be confirmed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from sandbox.provider import moments
from sandbox.provider.contacts import normal
from sandbox.provider.shapes import DOMAIN_CREATE, SENDER_CREATE
from sandbox.provider.wire import Answer, Call, Refusal, Route, invalid, not_found

_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
DOMAINS_PER_PAGE = 100


@dataclass
class Domain:
    """`code`, `dkim` and `dmarc` say whether the record is found in the domain's DNS."""

    id: int
    name: str
    created_at: float
    code: bool = False
    dkim: bool = False
    dmarc: bool = False
    authenticated: bool = False

    @property
    def complete(self) -> bool:
        return self.code and self.dkim and self.dmarc

    def records(self) -> dict[str, Any]:
        mark = hashlib.blake2b(self.name.encode(), digest_size=16).hexdigest()
        found = {
            "brevo_code": ("@", f"brevo-code:{mark}", self.code),
            "dkim_record": ("mail._domainkey", f"k=rsa;p={mark}", self.dkim),
            "dmarc_record": ("_dmarc", "v=DMARC1; p=none; rua=mailto:rua@dmarc.brevo.com", self.dmarc),
        }
        return {
            name: {"host_name": host, "type": "TXT", "value": value, "status": status}
            for name, (host, value, status) in found.items()
        }


class Senders:
    """Senders (as rows of GET /senders) and domains of one account; the account's lock guards it."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.domains: dict[str, Domain] = {}

    def add(self, email: str, name: str, *, active: bool) -> dict[str, Any]:
        number = max((row["id"] for row in self.rows), default=0) + 1
        row = {"id": number, "email": email.lower(), "name": name, "active": active}
        self.rows.append(row)
        return row

    def by_id(self, id: int) -> dict[str, Any] | None:
        return next((row for row in self.rows if row["id"] == id), None)

    def may_send(self, email: str) -> bool:
        """An active sender, or any address of a domain that is authenticated."""
        domain = self.domains.get(email.rpartition("@")[2])
        return bool(domain and domain.authenticated) or any(
            row["email"] == email and row["active"] for row in self.rows
        )

    def add_domain(self, name: str, now: float) -> Domain:
        number = max((domain.id for domain in self.domains.values()), default=0) + 1
        self.domains[name] = Domain(number, name, now)
        return self.domains[name]


def list_senders(call: Call) -> Answer:
    domain = call.one("domain")
    with call.account.lock:
        rows = [row for row in call.account.senders.rows if domain in (None, row["email"].rpartition("@")[2])]
        return Answer(200, {"senders": [{**row, "ips": []} for row in rows]})


def create_sender(call: Call) -> Answer:
    email = normal("EMAIL", call.body["email"])
    if call.body.get("ips"):
        raise invalid("ips are only available for accounts with dedicated IPs")
    with call.account.lock:
        senders = call.account.senders
        if any(row["email"] == email for row in senders.rows):
            raise invalid("Sender already exists")
        domain = senders.domains.get(email.rpartition("@")[2])
        row = senders.add(email, call.body["name"], active=bool(domain and domain.authenticated))
        return Answer(201, {"id": row["id"], "spfError": False, "dkimError": not (domain and domain.dkim)})


def list_domains(call: Call) -> Answer:
    with call.account.lock:
        owner = next((row["email"] for row in call.account.senders.rows), "owner@example.com")
        rows = [
            {
                "id": str(domain.id),
                "domain_name": domain.name,
                "authenticated": domain.authenticated,
                "verified": domain.code,
                "ip": None,
                "provider": "Others",
                "creator": {
                    "id": str(call.account.number),
                    "email": owner,
                    "creationDate": moments.api(domain.created_at),
                },
            }
            for domain in call.account.senders.domains.values()
        ]
    pages = max(1, -(-len(rows) // DOMAINS_PER_PAGE))
    return Answer(200, {"domains": rows, "count": len(rows), "current_page": 1, "total_pages": pages})


def create_domain(call: Call) -> Answer:
    name = call.body["name"].strip().lower()
    if not _DOMAIN.fullmatch(name):
        raise invalid("Domain name is invalid")
    with call.account.lock:
        if name in call.account.senders.domains:
            raise Refusal(400, "duplicate_parameter", "Domain already exists")
        domain = call.account.senders.add_domain(name, call.now)
        message = "Domain added successfully. To authenticate it, add following DNS records"
        body = {"id": domain.id, "domain_name": name, "domain_provider": "Others", "message": message}
        return Answer(200, {**body, "dns_records": domain.records()})


def _existing(call: Call) -> Domain:
    domain = call.account.senders.domains.get(call.path["name"].lower())
    if domain is None:
        raise not_found("Domain does not exist")
    return domain


def get_domain(call: Call) -> Answer:
    with call.account.lock:
        domain = _existing(call)
        states = {"verified": domain.code, "authenticated": domain.authenticated}
        return Answer(200, {"domain": domain.name, **states, "dns_records": domain.records()})


def authenticate_domain(call: Call) -> Answer:
    with call.account.lock:
        domain = _existing(call)
        if not domain.complete:
            raise invalid("Domain is not configured properly, check the DNS records")
        domain.authenticated = True
    return Answer(200, {"domain_name": domain.name, "message": "Domain has been authenticated successfully"})


def delete_domain(call: Call) -> Answer:
    with call.account.lock:
        del call.account.senders.domains[_existing(call).name]
    return Answer(204)


ROUTES = [
    Route("GET", "/senders", list_senders),
    Route("POST", "/senders", create_sender, SENDER_CREATE),
    Route("GET", "/senders/domains", list_domains),
    Route("POST", "/senders/domains", create_domain, DOMAIN_CREATE),
    Route("GET", "/senders/domains/<name>", get_domain),
    Route("PUT", "/senders/domains/<name>/authenticate", authenticate_domain),
    Route("DELETE", "/senders/domains/<name>", delete_domain),
]
