"""What was done, as the audit log names it, in words. A test asks for a sentence for every act that is noted."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "alert.see": "Said that they look after an alert",
    "api_key.create": "Made an API key",
    "api_key.revoke": "Revoked an API key",
    "app.install": "Installed the app",
    "arming.start": "Armed the past of a signal",
    "arming.stop": "Stopped an arming",
    "backfill.resume": "Went on with reading the whole store",
    "backfill.start": "Began to read the whole store",
    "backfill.stop": "Stopped reading the whole store",
    "brevo.connect": "Connected Brevo",
    "channel.resume": "Let a paused channel go on",
    "checklist.tick": "Ticked something off the checklist",
    "checklist.untick": "Took a tick off the checklist",
    "coupons.make": "Made a pool of discount codes",
    "coupons.resize": "Changed how many discount codes are kept ready",
    "currency.remove": "Removed an exchange rate",
    "currency.set": "Set an exchange rate",
    "delivery.replay": "Had a delivery applied again",
    "fetch.retry": "Had records read from the store again",
    "flow.archive": "Archived a flow",
    "flow.carry_over": "Had those inside go on in the new version",
    "flow.empty": "Took everybody out of a flow",
    "flow.mode": "Said who runs a flow",
    "flow.pause": "Paused a flow",
    "flow.publish": "Published a flow",
    "flow.remove": "Took somebody out of a flow",
    "flow.resume": "Let a flow go on",
    "flow.rollback": "Published an earlier version once more",
    "flow_draft.add": "Added a message to a draft",
    "flow_draft.begin": "Began a draft",
    "flow_draft.discard": "Discarded a draft",
    "flow_draft.remove": "Took a message out of a draft",
    "flow_draft.save": "Changed a draft",
    "flow_draft.test": "Sent a message of a draft to themselves",
    "flow_draft.upload": "Uploaded a draft",
    "keys.rotate": "Sealed everything with the newest key",
    "loyalty.choose": "Chose where points and tiers come from",
    "loyalty.import": "Read in points and tiers",
    "mapping.change": "Changed the mapping",
    "message.test": "Sent a test message",
    "person.erase": "Asked for somebody's erasure",
    "person.export": "Handed out what is stored of somebody",
    "person.export_start": "Had what is stored of somebody put together",
    "person.keep_apart": "Said that two records are two people",
    "person.lift": "Let marketing to somebody go on",
    "person.merge": "Said that two records are one person",
    "person.opt_out": "Noted that somebody wants no marketing",
    "person.reveal": "Looked at somebody's address and number",
    "person.suppress": "Stopped marketing to somebody",
    "reconcile.start": "Had everything compared with the store",
    "report.rebuild": "Had the figures counted anew",
    "second_factor.drop": "Took a second factor off",
    "second_factor.set": "Set up a second factor",
    "session.begin": "Signed in",
    "session.end": "Signed out",
    "settings.change": "Changed settings",
    "settings.sender": "Changed whom messages come from",
    "signals.choose": "Changed the settings of signals",
    "staff.add": "Made an account for somebody",
    "staff.change": "Changed somebody's role or shops",
    "staff.end_sessions": "Signed somebody out everywhere",
    "staff.invite": "Invited somebody to the staff",
    "staff.leave": "Let somebody see the shop no more",
    "staff.password": "Set a password",
    "staff.password_link": "Made a link for a new password",
    "staff.remove": "Removed somebody's account",
    "sync.resume": "Went on with a sync",
    "sync.start": "Started a sync",
    "sync.stop": "Stopped a sync",
    "task.assign": "Gave a task to somebody",
    "task.done": "Said that a task is done",
    "task.dropped": "Dropped a task",
    "task.reopen": "Opened a task again",
    "webhook.add": "Added an outgoing webhook",
    "webhook.disable": "Switched an outgoing webhook off",
    "webhook.enable": "Switched an outgoing webhook on",
    "webhook.name": "Named an outgoing webhook",
    "webhook.remove": "Removed an outgoing webhook",
    "webhook.resend": "Had an outgoing webhook sent again",
    "webhook.rotate": "Gave an outgoing webhook a new secret",
    "webhook.test": "Sent a test to an outgoing webhook",
    "whatsapp.read_templates": "Had the WhatsApp templates read at Brevo",
}
"""Act -> what somebody did."""
ABOUT: Mapping[str, str] = {
    "api_key": "API key",
    "flow_draft": "draft",
    "gap_report": "comparison",
    "sync_run": "sync",
    "webhook endpoint": "webhook",
}
"""Kind of object -> what it is called, where its own name says it less well."""


def did(act: str) -> str:
    """What was done; of an act that is noted no more its name, without dots."""
    return WORDS.get(act) or act.replace(".", " ").replace("_", " ")


def kind(object_kind: str) -> str:
    """What kind of object it was done to."""
    return ABOUT.get(object_kind) or object_kind.replace("_", " ")
