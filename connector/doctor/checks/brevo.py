"""Brevo answers to our key, and the account may send."""

from __future__ import annotations

from collections.abc import Iterator

from connector.brevo.verdicts import UNKNOWN_IP
from connector.doctor.finding import Check, Finding, broken, ok
from connector.doctor.subject import ConnectedShop
from connector.errors import ActionNeeded


def _run(shop: ConnectedShop) -> Iterator[Finding]:
    try:
        plans = shop.plan.get("plan")
    except ActionNeeded as error:
        if error.code == UNKNOWN_IP:
            do = "Authorise this machine's address at Brevo (Security, Authorised IPs), or turn the blocking off there."
        elif shop.shop.brevo_grant is not None:
            do = "Connect Brevo again on the shop's page of the admin."
        else:
            do = f"Give a valid key: `connector shop add {shop.shop.domain}`."
        yield broken(f"Brevo refuses: {error}.", do)
        return
    plans = [plan for plan in plans or () if isinstance(plan, dict) and plan.get("type") != "sms"]
    credits = [plan["credits"] for plan in plans if isinstance(plan.get("credits"), int | float)]
    if credits and max(credits) <= 0:
        yield broken(
            "The Brevo account has no emails left: messages wait, and late ones are dropped.",
            "Buy credits, or wait for the plan's next day.",
        )
    else:
        said = ", ".join(f"{plan.get('type')} with {plan.get('credits')} credits" for plan in plans) or "no plan told"
        yield ok(f"Brevo answers to our key: {said}.")


CHECK = Check("brevo", "Brevo answers to our key.", _run, 20.0, calls=True)
