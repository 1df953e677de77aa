"""What the event log, the flows, the outbox and the records of work hold of people."""

from __future__ import annotations

from connector.models.alert import alert_looks, alerts, delivery_days
from connector.models.api_key import api_keys
from connector.models.arming import armings
from connector.models.backfill import backfill_failures, backfill_lines, backfill_parts, backfills
from connector.models.brevo import brevo_grants
from connector.models.contact_import import contact_imports, lists_left
from connector.models.event import events, exit_marks, pending_events
from connector.models.flow import decisions, flow_versions, flows, goal_watches, runs, timers, trail
from connector.models.flow_draft import flow_drafts
from connector.models.inbox import inbox, inbox_keys
from connector.models.mapping import mapping_edits, profile_passes
from connector.models.outbox import attempts, message_contents, outbox, send_ledger
from connector.models.outgoing import webhook_attempts, webhook_deliveries, webhook_endpoints
from connector.models.pause import channel_pauses
from connector.models.reconcile import gap_reports, gaps, reconcile_passes
from connector.models.report import complaint_brakes, report_passes
from connector.models.rerun import sync_run_failures, sync_runs
from connector.models.schedule import schedules
from connector.models.shop import shops
from connector.models.short_link import short_link_clicks, short_links
from connector.models.survey import brevo_surveys, brevo_templates
from connector.models.sync import catalogue_passes, external_ids, feed, fetches, sync_state
from connector.models.task import tasks
from connector.models.whatsapp import whatsapp_accounts, whatsapp_templates
from sync.privacy.held import NOTHING, PERSON, Blank, Delete, Held, Keep, whose

# The order is that of erasure: what is found by way of another table comes before it.
_EVENTS = f"({PERSON} OR {whose('subject', 'subjects', 'text')})"
_OF_EVENTS = f"({PERSON} OR event_id IN (SELECT id FROM events WHERE events.shop_id = :shop AND {_EVENTS}))"  # noqa: S608
_MESSAGES = f"outbox_id IN (SELECT id FROM outbox WHERE outbox.shop_id = :shop AND {PERSON})"  # noqa: S608
_CALLS = (
    "delivery_id IN (SELECT id FROM webhook_deliveries"  # noqa: S608
    f" WHERE webhook_deliveries.shop_id = :shop AND {_OF_EVENTS})"
)
_OF_STORE = (
    f"(kind = 'Customer' AND {whose('remote_id', 'customers')} OR kind = 'Order' AND {whose('remote_id', 'orders')})"
)
_COPIES = (
    f"(entity IN ('contact', 'events') AND {whose('entity_id')} OR entity = 'order' AND {whose('entity_id', 'orders')})"
)

HELD = (
    Held(
        webhook_attempts,
        "each call that was to tell an address of the merchant what happened",
        Delete(),
        {"answer": "what was answered to what was told of them", "error": "what went wrong with it"},
        "shop_id delivery_id n started_real milliseconds status",
        _CALLS,
    ),
    Held(
        webhook_deliveries,
        "events that addresses of the merchant are to be told of",
        Delete(),
        {"event_id": "what happened to them"},
        "shop_id id endpoint_id occurred_at person_id state made_real due_real attempts tries",
        _OF_EVENTS,
    ),
    Held(
        pending_events,
        "events that the flows have not decided about",
        Delete(),
        {"event_id": "what happened to them"},
        "shop_id person_id occurred_at",
        _OF_EVENTS,
    ),
    Held(
        exit_marks,
        "events that a send in preparation must not pass",
        Delete(),
        {"name": "what happened to them", "key": "their checkout"},
        "shop_id event_id person_id occurred_at marked_at",
        _OF_EVENTS,
    ),
    Held(
        events,
        "what happened, which flows start on and end with",
        Delete(),
        {
            "name": "what happened",
            "subject": "the customer, checkout or order",
            "key": "their checkout",
            "props": "what was told of it",
            "source": "who told it",
        },
        "shop_id id occurred_at seq person_id historical received_at",
        _EVENTS,
    ),
    Held(
        runs,
        "where somebody is in a flow",
        Delete(),
        {"key": "their checkout", "position": "what the flow remembers of them", "outcome": "how it ended"},
        "shop_id id flow version person_id state entered_at anchor_at ended_at",
        PERSON,
    ),
    Held(
        timers,
        "what a flow waits for",
        Delete(),
        {"key": "their checkout", "payload": "what the wait was for"},
        "shop_id kind owner person_id due_at token arming_id",
        PERSON,
    ),
    Held(
        goal_watches,
        "whether a flow reached its goal",
        Delete(),
        {"match": "their checkout", "reached_at": "when they did it", "reached_by": "by which event"},
        "shop_id run_id flow version person_id event opened_at expires_at",
        PERSON,
    ),
    Held(
        trail,
        "why somebody did or did not get a message",
        Delete(),
        {"detail": "what decided it"},
        "shop_id id person_id run_id flow step at code",
        PERSON,
    ),
    Held(
        decisions,
        "what was decided from which facts, for replaying it",
        Delete(),
        {"stimulus": "what happened to them", "facts": "their profile as it was read"},
        "shop_id id person_id at ordinal",
        PERSON,
    ),
    Held(
        attempts,
        "each call that was to send a message",
        Delete(),
        {"detail": "what the provider answered"},
        "shop_id outbox_id n outbox_created_at started_real ended_real result status",
        _MESSAGES,
    ),
    Held(
        message_contents,
        "what each message looked like when it was sent",
        Delete(),
        {"content": "what they were told, as it was written for them"},
        "shop_id outbox_id outbox_created_at",
        _MESSAGES,
    ),
    Held(
        send_ledger,
        "what the frequency caps count",
        Delete(),
        {"counted_at": "when they were written to"},
        "shop_id outbox_id person_id run_id flow channel purpose cap",
        PERSON,
    ),
    Held(
        short_link_clicks,
        "when the links in a message were followed",
        Delete(),
        {"clicked_at": "when they followed a link"},
        "shop_id link_id n outbox_id",
        _MESSAGES,
    ),
    Held(
        short_links,
        "where the short links in a message lead",
        Delete(),
        {"target": "may lead to their own checkout"},
        "shop_id id outbox_id created_at",
        _MESSAGES,
    ),
    Held(
        outbox,
        "messages: to be sent, sent, and what became of them",
        Delete(),
        {
            "subject": "may hold their name",
            "data": "what the merchant's systems are told of them",
            "reason": "what the provider said",
            "recipient_digest": "of their address",
            "provider_message_id": "the provider's record of it",
            "delivered_at": "when it reached them",
            "opened_at": "when they read it",
            "clicked_at": "when they followed a link",
            "bounced_at": "that it did not",
            "complained_at": "that they complained",
            "unsubscribed_at": "that they opted out",
            "reported": "what became of it",
        },
        "shop_id id key run_id flow version person_id step channel message purpose priority state created_at"
        " due_at deadline deferrals attempts retry_real lease_real lane_waiting_real segments cost sent_at",
        PERSON,
    ),
    Held(
        tasks,
        "what staff have to do",
        Delete(),
        {"title": "what was to be done for them", "details": "what staff had to know of them"},
        "shop_id id outbox_id person_id run_id flow step review period assignee due_at state made_at closed_at"
        " closed_by",
        PERSON,
    ),
    Held(
        fetches,
        "what is to be read from the store",
        Delete(),
        {"remote_id": "the store's id of them or of their order", "reason": "what the store said"},
        "shop_id kind state wanted due_real lease_real attempts quiet found_by",
        _OF_STORE,
    ),
    Held(
        feed,
        "events that Brevo is to be told of",
        Delete(),
        {"name": "what happened", "body": "what is told of it", "reason": "what Brevo said"},
        "shop_id id person_id event_id state due_real lease_real attempts",
        PERSON,
    ),
    Held(
        sync_state,
        "which version of a record Brevo has",
        Delete(),
        {"reason": "what Brevo said"},
        "shop_id entity entity_id wanted_version sent_version state due_real lease_real attempts quiet run_id import_id"
        " import_version",
        _COPIES,
    ),
    Held(
        api_keys,
        "which of the merchant's systems may tell of events or use the admin",
        NOTHING,
        {},
        "shop_id id name role digest created_at last_used_at revoked_at",
    ),
    Held(
        contact_imports,
        "contacts that go to Brevo in bulk",
        NOTHING,
        {},
        "shop_id id state email_blocked sms_blocked list_ids people bytes refused process_id made_at ended_at due_real"
        " lease_real attempts polls sent_real reason",
    ),
    Held(
        lists_left,
        "who was taken off the lists at Brevo",
        Delete(),
        {"evidence_at": "when they opted out"},
        "shop_id person_id channel",
        PERSON,
    ),
    Held(
        sync_runs,
        "syncs that staff asked for",
        Blank("what staff did is kept", {"what": {}, "person_id": None, "reason": None}),
        {"what": "whom it was for", "person_id": "whom it was for", "reason": "what a platform said"},
        "shop_id id entity state asked_by total done changed unchanged failed cursor read_all due_real lease_real"
        " attempts asked_at started_at finished_at",
        PERSON,
    ),
    Held(
        sync_run_failures,
        "records that a sync could not bring over",
        Delete(),
        {"record_id": "the store's id of them or of their order", "reason": "what a platform said"},
        "shop_id run_id person_id stage failed_at",
        f"({PERSON} OR {whose('record_id', 'customers')} OR {whose('record_id', 'orders')})",
    ),
    Held(
        backfill_lines,
        "lines of the store's files that wait to be applied",
        Delete(),
        {
            "parent_id": "the store's id of them or of their order",
            "body": "what the store says of them",
            "customer_id": "the store's id of them",
            "email": "their address",
        },
        "shop_id backfill_id kind child seq",
        f"(backfill_id, kind, parent_id) IN (SELECT backfill_id, kind, parent_id FROM backfill_lines AS line"  # noqa: S608
        f" WHERE line.shop_id = :shop AND ({whose('customer_id', 'customers')}"
        f" OR kind = 'orders' AND {whose('parent_id', 'orders')} OR {whose('email', 'emails', 'text')}))",
    ),
    Held(
        backfill_failures,
        "records of a backfill that could not be applied",
        Delete(),
        {
            "record_id": "the store's id of them or of their order",
            "customer_id": "the store's id of them",
            "reason": "what it stumbled over",
        },
        "shop_id backfill_id kind failed_at",
        f"({whose('customer_id', 'customers')} OR kind = 'orders' AND {whose('record_id', 'orders')})",
    ),
    Held(
        backfills,
        "readings of the whole store",
        NOTHING,
        {},
        "shop_id id state kinds asked_by asked_at started_at finished_at started_real finished_real estimate reason",
    ),
    Held(
        backfill_parts,
        "how far a reading of the whole store is",
        NOTHING,
        {},
        "shop_id backfill_id kind place state operation asked_at file_bytes lines_expected records_expected"
        " bytes_done lines_done applied_to cursor done created changed unchanged failed left_out applied_seconds calls"
        " polls pages due_real lease_real claim attempts reason started_real finished_real",
    ),
    Held(
        armings,
        "acts that armed clocks for people who were there before",
        NOTHING,
        {},
        "shop_id id signal state asked_by daily longest_days rations cursor in_time late moved running told left_out"
        " taken_back asked_at started_at finished_at",
    ),
    Held(
        schedules,
        "where flows that start by the calendar stand",
        NOTHING,
        {},
        "shop_id flow plan occurrence due_at cursor armed prepared prepared_armed missed",
    ),
    Held(
        inbox,
        "deliveries, byte for byte, for applying them and applying them again",
        # Found by what they name, in batches (sync.privacy.deliveries).
        Blank("that something arrived is kept; what it said goes", {"raw": b"", "reason": "erased"}),
        {"raw": "whatever the platform says of them", "reason": "what it stumbled over"},
        "shop_id id received_at received_real source topic external_id lane state headers attempts retry_real replays"
        " replayed_real",
        "false",
    ),
    Held(
        inbox_keys,
        "deliveries that were stored before",
        Keep("an id of the platform or a hash of the bytes; gone after 40 days"),
        {},
        "shop_id source external_id received_at",
    ),
    Held(flows, "the merchant's flows", NOTHING, {}, "shop_id flow status mode version"),
    Held(
        flow_versions,
        "the merchant's flows",
        NOTHING,
        {},
        "shop_id flow version definition messages digest published_at",
    ),
    Held(
        flow_drafts,
        "flows that the merchant is writing",
        NOTHING,
        {},
        "shop_id flow files base_version saved_by saved_at",
    ),
    Held(
        brevo_grants,
        "what the merchant has agreed to at Brevo",
        NOTHING,
        {},
        "shop_id brevo_token brevo_refresh brevo_refresh_before scopes expires_wire refresh_expires_wire stored_wire"
        " claim lease_real trouble",
    ),
    Held(
        channel_pauses,
        "channels that stand still",
        NOTHING,
        {},
        "shop_id channel reason detail since probe_real probes",
    ),
    Held(
        webhook_endpoints,
        "addresses of the merchant that are told what happens",
        NOTHING,
        {},
        "shop_id id name url description events include_person secret secret_before secret_before_until_real state"
        " reason created_at failing_since_real lease_real rest_real",
    ),
    Held(mapping_edits, "the merchant's mapping", NOTHING, {}, "shop_id id document made_by made_at"),
    Held(
        profile_passes,
        "what of the mapping changes by itself",
        NOTHING,
        {},
        "shop_id due_at day borders borders_before everybody cursor lease_real",
    ),
    Held(
        catalogue_passes,
        "looks at the store's catalogue",
        NOTHING,
        {},
        "shop_id due_at lease_real attempts reason since cursor began_at",
    ),
    Held(
        gaps,
        "records that no delivery told of, until they are repaired",
        Delete(),
        {"record_id": "the store's id of them or of their order"},
        "shop_id report_id kind finding changed_at state",
        f"(kind = 'Customer' AND {whose('record_id', 'customers')}"
        f" OR kind = 'Order' AND {whose('record_id', 'orders')})",
    ),
    Held(
        reconcile_passes,
        "looks at the store for what no delivery told",
        NOTHING,
        {},
        "shop_id look due_at lease_real attempts reason since cursor began_at finished_at report_id",
    ),
    Held(
        gap_reports,
        "what those looks came to",
        NOTHING,
        {},
        "shop_id id state asked_by began_at began_real finished_at due_real lease_real notes findings",
    ),
    Held(
        report_passes,
        "looks at Brevo's statistics",
        NOTHING,
        {},
        "shop_id channel due_at lease_real attempts reason since place began_at rows_read found finished_at",
    ),
    Held(
        alerts,
        "what staff should look at: numbers and words of ours",
        NOTHING,
        {},
        "shop_id id kind subject sentence detail tone raised_at found_at seen_at seen_by cleared_at mail mail_due_real"
        " mail_tries",
    ),
    Held(alert_looks, "looks for that", NOTHING, {}, "shop_id due_real lease_real counted finished_at"),
    Held(
        delivery_days,
        "how many deliveries of each topic came on which day",
        NOTHING,
        {},
        "shop_id source topic day deliveries last_at",
    ),
    Held(
        complaint_brakes,
        "when too many complaints stopped the marketing emails",
        NOTHING,
        {},
        "shop_id id engaged_at complaints delivered released_at",
    ),
    Held(external_ids, "ids of the two platforms for one record", NOTHING, {}, "shop_id kind local remote"),
    Held(
        brevo_surveys,
        "what the Brevo account held when the shop was connected",
        Keep("counts, and the merchant's own account: its lists, senders and domains"),
        {},
        "shop_id account state stage place since counts found idempotency due_real lease_real attempts reason began_at"
        " done_at",
    ),
    Held(
        brevo_templates,
        "the merchant's templates at Brevo",
        NOTHING,
        {},
        "shop_id id name subject active double_opt_in read_at",
    ),
    Held(
        whatsapp_accounts,
        "how the merchant's WhatsApp account stands",
        NOTHING,
        {},
        "shop_id asked_real read_real found",
    ),
    Held(
        whatsapp_templates,
        "the merchant's WhatsApp templates at Brevo",
        NOTHING,
        {},
        "shop_id id name language category status",
    ),
    Held(
        shops,
        "the connected shops",
        NOTHING,
        {},
        "id domain name state shopify_token shopify_secret brevo_key sender_email sender_name timezone currency salt"
        " settings brevo_webhook_digest brevo_webhook_digest_before"
        " created_at token_kind shopify_client_id shopify_refresh shopify_refresh_before"
        " token_expires_wire refresh_expires_wire token_stored_wire token_claim token_lease_real token_trouble"
        " granted_scopes installed_at uninstalled_at brevo_account scopes_heard_at live_since",
    ),
)
