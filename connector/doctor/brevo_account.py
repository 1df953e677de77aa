"""``connector brevo doctor``: the Brevo account of one shop in facts, and what is not well with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

from sqlalchemy import Connection, text

from connector.brevo.buckets import BUCKETS
from connector.deps import Deps
from connector.doctor.checks import BREVO
from connector.doctor.examination import examine_one
from connector.doctor.finding import Finding, Level
from connector.doctor.subject import ConnectedShop
from connector.errors import ConfigurationError, ProviderError
from connector.install import holdings, survey
from connector.shops import Shop
from webhooks import addresses

_RECENT = timedelta(days=30)
_CANNOT_ASK = frozenset({"brevo"})


class Verdict(IntEnum):
    """The exit code of the command."""

    FINE = 0
    NEEDS_A_HAND = 1
    CANNOT_ASK = 2


@dataclass(frozen=True)
class Report:
    """``facts``: {heading: what is known, as JSON}; ``findings``: all that was looked at, well or not."""

    facts: Mapping[str, Any]
    findings: Sequence[Finding]

    @property
    def verdict(self) -> Verdict:
        ill = [one for one in self.findings if one.level is not Level.OK]
        if any(one.check in _CANNOT_ASK for one in ill):
            return Verdict.CANNOT_ASK
        return Verdict.NEEDS_A_HAND if ill else Verdict.FINE


def report(deps: Deps, shop: Shop) -> Report:
    """Ask Brevo, and look at what is known here. Costs up to nine calls of the account's limit for other calls."""
    asked = ConnectedShop(deps, shop, lane="bulk")
    findings = examine_one(BREVO, asked)
    with asked.connection() as connection:
        facts: dict[str, Any] = {"credential": _credential(shop), **_known(connection, shop, deps.clock.now())}
    facts["limits"] = _limits(asked)
    for heading, read in (("account", _account), ("senders", _senders), ("webhooks", _webhooks)):
        try:
            facts[heading] = read(asked)
        except (ProviderError, ConfigurationError) as error:
            facts[heading] = f"not known: {error}"
            break
    return Report(facts, findings)


def _credential(shop: Shop) -> str:
    if shop.brevo_grant is not None:
        return "OAuth access that renews itself"
    return "API key" if shop.brevo_key else "none"


def _account(asked: ConnectedShop) -> dict[str, Any]:
    told = holdings.described(asked.plan)
    return {**told["account"], "plan": told["plan"], "tier": asked.shop.settings["plan"]}


def _senders(asked: ConnectedShop) -> dict[str, Any]:
    listed = [f"{one.get('email')}{'' if one.get('active', True) else ' (not verified)'}" for one in asked.senders]
    return {
        "from": asked.shop.sender_email,
        "listed": listed,
        "domains": [holdings.in_words(one) for one in asked.domains],
    }


def _webhooks(asked: ConnectedShop) -> dict[str, Any]:
    url = addresses.of_brevo(asked.deps.settings.public_url, asked.shop.id)
    return {
        "ours": [f"{one['type']} {one['channel']}" for one in asked.webhooks if one["url"] == url],
        "others": [f"{one['type']} to {one['url']}" for one in asked.webhooks if one["url"] != url],
    }


def _limits(asked: ConnectedShop) -> dict[str, Any]:
    try:
        known = asked.account.known_limits()
    except ConfigurationError as error:
        return {"not known": str(error)}
    return {
        bucket: {
            "calls": limit.calls,
            "seconds": limit.seconds,
            "source": "published table" if age is None else "header",
            "age_seconds": None if age is None else round(age),
        }
        for bucket, (limit, age) in known.items()
        if bucket in BUCKETS
    }


def _known(connection: Connection, shop: Shop, now: datetime) -> dict[str, Any]:
    """What is known without asking."""
    found = survey.of_shop(connection, shop.id)
    rows = connection.execute(_STOPPED, {"shop": shop.id, "since": now - _RECENT}).one()
    return {
        "survey": found.sentence if found else "never made",
        "opted out at Brevo": survey.opted_out(connection, shop.id),
        "blocked": {
            "at Brevo": dict(found.counts.get("reasons", {})) if found else {},
            "our messages of 30 days": {name: count for name, count in rows._mapping.items() if count},
        },
        "idempotency": (found.idempotency or "not probed: --probe finds out") if found else "not probed",
    }


_STOPPED = text(
    """
SELECT count(*) FILTER (WHERE bounced_at IS NOT NULL) AS bounced,
    count(*) FILTER (WHERE complained_at IS NOT NULL) AS complained,
    count(*) FILTER (WHERE unsubscribed_at IS NOT NULL) AS unsubscribed,
    count(*) FILTER (WHERE state = 'skipped' AND reason = 'suppressed') AS "not sent, suppressed",
    count(*) FILTER (WHERE state = 'failed') AS refused
FROM outbox WHERE shop_id = :shop AND created_at > :since
"""
)
