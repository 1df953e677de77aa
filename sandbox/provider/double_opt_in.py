"""Double opt-in: a confirmation mail with a link, and what following the link does.

`POST /_control/confirm {"account", "email"}` follows the link of the newest confirmation mail of an address: the
contact is created or added to the lists, and the answer says where the person is sent next.
"""

from __future__ import annotations

from typing import Any

from sandbox.provider.accounts import Account
from sandbox.provider.contacts import Change, normal
from sandbox.provider.platform import Platform
from sandbox.provider.shapes import DOUBLE_OPT_IN
from sandbox.provider.wire import Answer, Call, Route, invalid


def ask(call: Call) -> Answer:
    account, body = call.account, call.body
    unknown = [id for id in body["includeListIds"] if id not in account.lists]
    if unknown:
        raise invalid(f"List ID {unknown[0]} does not exist")
    if not body["redirectionUrl"].startswith(("http://", "https://")):
        raise invalid("redirectionUrl is not a valid url")
    to = normal("EMAIL", body["email"])
    with account.lock:
        known = account.contacts.owner("EMAIL", to) is not None
    call.platform.record.add(
        "confirmation",
        account=account.key,
        to=to,
        at=call.now,
        template=body["templateId"],
        lists=body["includeListIds"],
        redirection_url=body["redirectionUrl"],
        tracking=body.get("contactPixelTrackingConsent"),
    )
    call.remark["email"] = to
    return Answer(204 if known else 201)


def confirm(platform: Platform, account: Account, email: str, now: float) -> dict[str, Any]:
    """The person follows the link in the newest confirmation mail; raises ValueError when there is none."""
    entries, _ = platform.record.since(0, frozenset({"confirmation"}))
    mine = [one for one in entries if (one["account"], one["to"]) == (account.key, normal("EMAIL", email))]
    if not mine:
        raise ValueError("no such confirmation")
    change = Change({"EMAIL": mine[-1]["to"]}, add_lists=list(mine[-1]["lists"]))
    with account.lock:
        done = account.contacts.upsert(change, now, platform.clock.wire(), update=True, merge=False)
        # The person's own doing, not a key's.
        platform.webhooks.written(account, done.contact, done.effect, now, "", new=done.created)
    return {"redirection_url": mine[-1]["redirection_url"]}


ROUTES = [Route("POST", "/contacts/doubleOptinConfirmation", ask, DOUBLE_OPT_IN)]
