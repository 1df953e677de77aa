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
    "message_not_for_them": "The message is not for this person; the part that decided is given.",
    "event_came": "The event that the flow waited for has happened.",
    "event_missed": "The event that the flow waited for did not happen in time.",
    "event_unclear": "The event happened, but what else is asked of it cannot be told; the flow waits on.",
    "wait_unclear": "The event that started the flow lacks the date that a wait counts from; the flow is over.",
    "left_alone": "The person is sent no marketing any more by these channels.",
    "put_into": "The person is put into another flow as well, if that one takes them.",
    "moved_on": "The person is put into another flow, if that one takes them; this one is over.",
    "scored": "Points were added to a score, or taken away.",
    "goal_reached": "The goal was reached; the flow is over.",
    "exited": "An exit rule ended the flow.",
    "exit_unclear": "Whether an exit rule ends the flow cannot be told; what its event lacks is given.",
    "begun_anew": "The flow begins anew, with what has just happened.",
    "time_limit": "Nobody stays longer in the flow; it is over.",
    "taken_out": "Somebody took the person out of the flow; how it ended is given.",
    "new_version": "The person goes on in another version of the flow.",
    "not_carried_over": "The other version has no step for where the person is; they stay with theirs.",
    "not_let_in": "The flow that they were handed on to lets nobody in now.",
    "finished": "The flow came to its end.",
}
"""What happened to somebody inside a flow."""

REFUSALS: Mapping[str, str] = {
    "trigger_unclear": "A fact that the trigger asks for is missing.",
    "historical": "The event was imported; history starts nothing.",
    "moved_in_circles": "Flows hand the person on to one another without end.",
    "nobody": "It is not known whose event it is.",
    "no_key": "The event lacks the field that tells runs apart.",
    "outside_audience": "The person is not in the flow's audience.",
    "audience_unclear": "A fact that the audience asks for is missing.",
    "already_in": "The person is in the flow, for the same key.",
    "same_occurrence": "The person has entered for this occurrence of the schedule already.",
    "entered_before": "The person was in the flow before, and it lets nobody in twice.",
    "entered_lately": "The person was in the flow too short a time ago.",
    "excluded": "The person is in a flow with a tag that this one stays away from.",
    "exclusion_unclear": "It is not known in which flows the person is.",
    "other_arm": "Chance put the person into another arm of the test that this flow is a part of.",
    "held_out": "Chance keeps the person out, to measure what the flow is worth.",
    "not_permitted": "No message of the flow may be sent to the person, and an automation at Brevo would not ask.",
}
"""Why somebody did not enter a flow."""

PASSED_OVER: Mapping[str, str] = {
    "other_event": "The flow starts on another event.",
    "other_threshold": "The event was told for another length of time than the flow asks for.",
    "other_schedule": "It is the schedule of another flow, or what this one's was before.",
    "trigger_unmatched": "The event is none that the flow's trigger asks for.",
    "not_counted": "The shop counts the order for nothing, e.g. because it is a test order.",
}
"""Why an event is no reason for somebody to enter a flow; it leaves no line in the trail."""

OBJECTIONS: Mapping[str, str] = {
    "erased": "The person asked to be forgotten.",
    "test_only": "Only test addresses are written to now.",
    "mode_brevo": "An automation at Brevo runs this flow; the connector only feeds it.",
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
