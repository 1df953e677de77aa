"""A message that Shopify sends by itself: the customer would get it twice.

Only what Shopify sends of every shop unless it was switched off (Settings, Notifications). What its automations and
Brevo's may send besides nobody can ask: for a shop that is the checklist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from flows.core.conflicts.conflict import Clash, Conflict, Shelf

SOON = timedelta(hours=1)
NOTIFICATIONS: Mapping[str, str] = {
    "order_placed": "the order confirmation",
    "order_paid": "the order confirmation",
    "first_order": "the order confirmation",
    "repeat_order": "the order confirmation",
    "high_value_order": "the order confirmation",
    "order_edited": "the notice of a changed order",
    "order_cancelled": "the notice of a cancelled order",
    "order_refunded": "the notice of a refund",
    "order_fulfilled": "the shipping confirmation",
    "order_partially_fulfilled": "the shipping confirmation",
    "order_shipped": "the shipping confirmation",
    "order_delivered": "the notice of delivery",
    "payment_failed": "the notice of a failed payment",
    "return_requested": "the notice of a return",
    "return_approved": "the notice of a return",
    "return_declined": "the notice of a return",
    "draft_order_invoiced": "the invoice",
}
"""What Shopify sends when this happens."""


def look(shelf: Shelf) -> Iterator[Clash]:
    for subject in shelf.subjects:
        flow, begins = subject.flow, subject.plan.begins
        what = NOTIFICATIONS.get(flow.trigger.on)
        for step in dict.fromkeys(
            sending.step
            for way in subject.plan.ways
            for sending in way.sendings
            if what and sending.message.purpose == "transactional" and sending.message.channel == "email"
            if sending.at - begins <= SOON
        ):
            sentence = f"“{flow.steps[step].config.message}” doubles {what} that Shopify sends by itself"
            todo = "Leave it out, or switch Shopify's off: Settings, Notifications, Customer notifications"
            yield Clash(flow.flow, subject.where(step), sentence, todo)


DOUBLES = Conflict("doubles", __doc__, look)
