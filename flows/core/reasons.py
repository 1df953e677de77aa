"""What every code in a trail means: for the story of a person, and for docs/flows.md."""

from __future__ import annotations

from collections.abc import Mapping

MOVES: Mapping[str, str] = {
    "entered": "The person entered the flow.",
    "handed_over": "The person entered a flow that an automation at Brevo carries out.",
    "waiting": "The flow waits until the moment given.",
    "branched": "A condition was asked; the part that decided is given.",
    "split": "Chance put the person into this arm.",
    "message_wanted": "The flow wants this message to leave.",
    "message_accepted": "The provider took the message.",
    "message_skipped": "The message was not sent; the reason is given.",
    "message_failed": "The provider refused the message for good.",
    "message_unknown": "Nobody knows yet whether the provider took the message; the flow waits until it is settled.",
    "action_wanted": "The flow wants this done, which is no message.",
    "coupon_made": "A discount code was made in the store for the person.",
    "coupon_skipped": "No discount code was made; the reason is given.",
    "coupon_failed": "The store refused the discount code for good.",
    "goal_reached": "The goal was reached; the flow is over.",
    "exited": "An exit rule ended the flow.",
    "finished": "The flow came to its end.",
}
"""What happened to somebody inside a flow."""

REFUSALS: Mapping[str, str] = {
    "trigger_unclear": "A fact that the trigger asks for is missing.",
    "historical": "The event was imported; history starts nothing.",
    "nobody": "It is not known whose event it is.",
    "no_key": "The event lacks the field that tells runs apart.",
    "outside_audience": "The person is not in the flow's audience.",
    "audience_unclear": "A fact that the audience asks for is missing.",
    "already_in": "The person is in the flow, for the same key.",
    "entered_before": "The person was in the flow before, and it lets nobody in twice.",
    "entered_lately": "The person was in the flow too short a time ago.",
    "excluded": "The person is in a flow with a tag that this one stays away from.",
    "exclusion_unclear": "It is not known in which flows the person is.",
    "held_out": "Chance keeps the person out, to measure what the flow is worth.",
    "not_permitted": "No message of the flow may be sent to the person, and an automation at Brevo would not ask.",
}
"""Why somebody did not enter a flow."""

OBJECTIONS: Mapping[str, str] = {
    "erased": "The person asked to be forgotten.",
    "test_only": "Only test addresses are written to now.",
    "goal_reached": "The goal of the flow was reached.",
    "exit_rule": "An event that ends the flow has happened.",
    "no_consent": "The person has not agreed to marketing on this channel.",
    "consent_unknown": "It is not known whether the person has agreed.",
    "suppressed": "The address bounced, complained or is blocked.",
    "held": "Messages to the person, or of the flow, are on hold.",
    "excluded": "The person is in a flow with a tag that this one stays away from.",
    "recent_purchase": "The person has just bought something.",
    "rival": "A message of higher priority is due today.",
    "contacted_today": "Another flow has written to the person today.",
    "flow_cap": "The flow's own limit is reached.",
    "shop_cap": "The shop's frequency cap is reached.",
    "quiet_hours": "It is night, or a holiday, where the person lives.",
    "render": "The message cannot be filled in completely.",
    "deadline": "It would come too late to be of use.",
    "daily_quota": "The emails that the plan allows in a day are used up for messages of this priority.",
}
"""Why a message was put off or not sent."""

WITHHELD: Mapping[str, str] = {
    "template_unknown": "Brevo has no WhatsApp template of this name or number.",
    "template_not_approved": "The WhatsApp template is not approved, or not any more.",
    "template_category": "Meta counts the WhatsApp template as marketing, or as none, and the message as the other.",
    "not_allowed_there": "WhatsApp delivers no marketing templates to numbers of the person's country.",
    "no_conversation": "WhatsApp takes text without a template only within a day of the person's last answer.",
    "enough_for_now": "Meta says that the person got enough marketing; after a day it may be tried again.",
}
"""What a channel itself has against a message to somebody."""
