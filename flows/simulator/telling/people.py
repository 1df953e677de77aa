"""What becomes known of the person: consent, loyalty, tags, answers, subscriptions, tickets."""

from __future__ import annotations

from collections.abc import Mapping

from flows.core.permission import OPT_OUTS, OWN, Consent
from flows.simulator.telling.told import ITEM, LEVEL, Tell, Told, each


def _consent(told: Told) -> None:
    """Also under the names of what follows from it: subscribed to the newsletter, unsubscribed."""
    name, who = told.happening.name, told.shopper
    if name == "newsletter_subscribed":
        told.fill(old="not_subscribed")
    told.fill(channel="email", new="unsubscribed" if name == "unsubscribed" else "subscribed", source="form")
    channel = told.props["channel"]
    told.fill(purpose=OWN.get(channel, channel))
    purpose = told.props["purpose"]
    level = told.props.pop("level", LEVEL)
    before = who.shown_consents(told.country, told.policy).get(channel) if OWN.get(channel) == purpose else None
    who.consents[channel, purpose] = Consent(told.props["new"], level, told.at)
    after = told.props["new"]
    if OWN.get(channel) == purpose:
        # Who still has to confirm is pending, whatever was said.
        after = who.shown_consents(told.country, told.policy)[channel]
    told.props["new"] = after
    told.fill(old=before)
    if told.props["old"] == after:
        return
    told.tell("consent_changed")
    if OWN.get(channel) == purpose and after in OPT_OUTS:
        told.tell("unsubscribed")


def _loyalty(told: Told) -> None:
    """What is said of points, tier and the like is news only where it differs from what was known."""
    who = told.shopper
    fields = ("points", "tier", "reward", "expires_at")
    said = {field: told.props.pop(field) for field in fields if field in told.props}
    changed = {
        field: who.loyalty[field] for field in said if field in who.loyalty and who.loyalty[field] != said[field]
    }
    who.loyalty |= said
    told.fill(source="programme", before=changed)
    told.tell("loyalty_changed", **{field: who.loyalty[field] for field in fields if field in who.loyalty})


def _tag(told: Told) -> None:
    who, tag = told.shopper, told.props["tag"]
    kept = [one for one in who.row["tags"] if one != tag]
    who.row["tags"] = [*kept, tag] if told.happening.name == "tag_added" else kept
    told.tell(told.happening.name, f"customer:{who.id}")


def _segment(told: Told) -> None:
    told.shopper.store_segments[str(told.props["segment_id"])] = told.happening.name == "segment_entered"
    told.tell(told.happening.name, f"customer:{told.shopper.id}")


def _form(told: Told) -> None:
    told.fill(form="form", answers={})
    told.shopper.answers |= told.props["answers"]
    told.tell("form_submitted")


def _birthday(told: Told) -> None:
    told.shopper.birthday = told.props["birthday"]
    told.tell("birthday_told")


def _subscription(told: Told) -> None:
    who = told.shopper
    name = str(told.props.setdefault("subscription", next(reversed(who.subscriptions), "subscription-1")))
    known = who.subscriptions.get(name, {"plan": None, "product_id": ITEM["product_id"], "renews_at": None})
    told.fill(**{field: known[field] for field in ("plan", "product_id", "renews_at")})
    active = told.happening.name != "subscription_cancelled"
    who.subscriptions[name] = {
        **{field: told.props[field] for field in ("subscription", "plan", "product_id", "renews_at")},
        "active": active,
    }
    told.tell(told.happening.name, key=name)


def _ticket(told: Told) -> None:
    who = told.shopper
    ticket = str(told.props.setdefault("ticket", "1"))
    if told.happening.name == "support_ticket_opened":
        who.tickets[ticket] = told.at
    else:
        who.tickets.pop(ticket, None)
    told.tell(told.happening.name)


def _erased(told: Told) -> None:
    told.shopper.row["erased_at"] = told.at
    told.tell("erased")


TELLS: Mapping[str, Tell] = {
    **each(("consent_changed", "unsubscribed", "newsletter_subscribed"), _consent),
    "loyalty_changed": _loyalty,
    **each(("tag_added", "tag_removed"), _tag),
    **each(("segment_entered", "segment_left"), _segment),
    "form_submitted": _form,
    "birthday_told": _birthday,
    **each(
        ("subscription_started", "subscription_renewed", "subscription_changed", "subscription_cancelled"),
        _subscription,
    ),
    **each(("support_ticket_opened", "support_ticket_closed"), _ticket),
    "erased": _erased,
}
