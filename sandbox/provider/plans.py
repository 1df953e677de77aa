"""GET /account: who the account is and what it has bought.

The tier of the rate limits goes with the plan, as the provider's table of API limits says: Professional has the
advanced limits, Enterprise the extended ones, everything below the general ones.
"""

from __future__ import annotations

from typing import Any

from sandbox.provider import moments
from sandbox.provider.wire import Answer, Call, Route

KINDS = ("free", "subscription", "payAsYouGo", "sms")
USUAL_KIND = {"general": "free", "advanced": "subscription", "extended": "subscription"}
PLAN_NAMES = {"general": "Free", "advanced": "Professional", "extended": "Enterprise"}
UNLIMITED = 1_000_000


def rows(given: Any, tier: str) -> list[dict[str, Any]]:
    """The `plan` of an account's description: a kind, or rows `{"type", "credits"}`; raises ValueError."""
    bought = [{"type": given or USUAL_KIND[tier]}] if given is None or isinstance(given, str) else list(given)
    for row in bought:
        if row.get("type") not in KINDS or set(row) - {"type", "credits", "startDate", "endDate"}:
            raise ValueError(f"a plan has a type of {', '.join(KINDS)}, and credits, startDate, endDate if any")
    return bought


def get_account(call: Call) -> Answer:
    account = call.account
    with account.lock:
        sent = account.mailbox.sent_on(moments.day(call.now))
        sms_left = account.phone.credits
        owner = next((sender["email"] for sender in account.senders.rows), "owner@example.com")
    mails_left = UNLIMITED if account.daily_quota is None else account.daily_quota - sent
    plan = [
        {"credits": sms_left if row["type"] == "sms" else mails_left, "creditsType": "sendLimit", **row}
        for row in account.plan
    ]
    return Answer(
        200,
        {
            "organization_id": f"{account.number:024d}",
            "user_id": account.number,
            "enterprise": account.tier == "extended",
            "companyName": account.organisation,
            "email": owner,
            "firstName": "Camille",
            "lastName": "Martin",
            "address": {"city": "Paris", "country": "France", "street": "1 rue de la Paix", "zipCode": "75002"},
            "plan": plan,
            "planVerticals": [
                {
                    "planCategory": "Marketing",
                    "planType": "paid" if account.tier != "general" else "free",
                    "name": PLAN_NAMES[account.tier],
                    "status": "active",
                }
            ],
            "relay": {
                "enabled": True,
                "data": {"userName": "owner@example.com", "relay": "smtp-relay.brevo.com", "port": 587},
            },
            "marketingAutomation": {"enabled": True, "key": f"ma{account.number:08d}"},
        },
    )


ROUTES = [Route("GET", "/account", get_account)]
