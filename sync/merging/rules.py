"""What a merge means to each table: one rule for every table that says of a row whose it is.

The order is the one in which the product takes locks: persons, which are held, then runs, timers, outbox, ledger.
``tests/sync/test_merging.py`` fails for a table with a ``person_id`` that is not named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from connector.models.analytics import attribution_marks, attributions
from connector.models.coupon import coupons
from connector.models.event import events, exit_marks
from connector.models.flow import decisions, goal_watches, trail
from connector.models.identity import identity_conflicts, left_contacts, person_merges
from connector.models.outbox import outbox, send_ledger
from connector.models.outgoing import webhook_deliveries
from connector.models.person import double_opt_ins, identities
from connector.models.privacy import privacy_requests
from connector.models.rerun import sync_run_failures, sync_runs
from connector.models.shown import reviews
from connector.models.store import checkouts
from connector.models.task import tasks
from connector.models.told import subscriptions, support_tickets
from sync.merging import activity, answers, consents, copies, exports, loyalty, profile, runs, signals
from sync.merging.merge import Rule, follows, stays

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        # Whoever named the one names the other.
        "identities": follows(identities),
        # With the profiles, which they are about (sync.merging.profile).
        "identity_conflicts": stays(identity_conflicts, "what is open has followed already, what is over is history"),
        "person_merges": stays(person_merges, "append-only: it says who was merged, and persons.merged_into into whom"),
        "left_contacts": follows(left_contacts),
        # With the customer that the kept one is now, who is read again.
        "profile_fields": profile.fields,
        "form_answers": answers.newest,
        "activities": activity.together,
        "segment_members": activity.memberships,
        "loyalty_states": loyalty.newest,
        # Whoever of the two waits for help, both do.
        "support_tickets": follows(support_tickets),
        "subscriptions": follows(subscriptions),
        # Whoever wrote it.
        "reviews": follows(reviews),
        # Nothing that happened is lost, and what a shopper bought or began is theirs.
        "events": follows(events),
        "checkouts": follows(checkouts),
        "orders": copies.bought,
        "exit_marks": follows(exit_marks),
        "pending_events": runs.undecided,
        # One of two that wait to be told the same is enough.
        "catalogue_signal_people": signals.waiting,
        "product_alerts": signals.asked,
        # Before consent, whose changes may be told.
        "person_work": runs.work,
        "runs": runs.of_one_person,
        "timers": runs.timers,
        # An ended run's goal is still its own, reached by whatever the person does.
        "goal_watches": follows(goal_watches),
        # A message under way is recorded as the kept one's; a due one is judged anew on the kept one's facts.
        "outbox": follows(outbox),
        # What is to be done for either is to be done for the one.
        "tasks": follows(tasks),
        # A code that one of them was given is the one's.
        "coupons": follows(coupons),
        # Orders and messages that have come together leave marks themselves.
        "attribution_marks": follows(attribution_marks),
        "attributions": follows(attributions),
        # The messages to both count in the caps of the one.
        "send_ledger": follows(send_ledger),
        "consent_ledger": consents.together,
        # Made from the ledger: by the rule before.
        "consents": lambda merge: 0,
        # Who was asked to confirm by either is not asked again.
        "double_opt_ins": follows(double_opt_ins),
        "trail": follows(trail),
        "decisions": follows(decisions),
        "feed": copies.told,
        # Whose data it is told of is read when it leaves.
        "webhook_deliveries": follows(webhook_deliveries),
        "sync_state": copies.wishes,
        "lists_left": copies.lists,
        "sync_runs": follows(sync_runs),
        "sync_run_failures": follows(sync_run_failures),
        # Carried out on whoever it is by now.
        "privacy_requests": follows(privacy_requests),
        "person_exports": exports.anew,
    }
)
