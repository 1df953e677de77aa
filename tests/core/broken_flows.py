"""What can be wrong with a flow, and what its author then reads, at which line."""

from __future__ import annotations

from typing import Any

from flows.core.operators import OPERATORS
from flows.core.steps import STEPS
from tests.core.examples import definition

KINDS = ", ".join(STEPS)
NONE = "flow: cart"
"""The first line, for what is not there at all."""
LAST = {"email": "last"}
FORMS = (
    "“wait”: write a length of time such as 3h, or {until: “09:00”}, {until: +24h from trigger}, "
    "{for: order_paid, at_most: 3d}."
)


def trigger(**changes: Any) -> dict[str, Any]:
    merged = {**definition()["trigger"], **changes}
    return {name: value for name, value in merged.items() if value is not None}


def split(**changes: Any) -> dict[str, Any]:
    return {"split": {"name": "ab", "shares": {"a": 50, "b": 50}, "arms": {"a": [], "b": []}, **changes}}


def waits(**entries: Any) -> dict[str, Any]:
    """A flow with one wait of these entries; `for_` stands for `for`."""
    return {"steps": [{"wait": {name.rstrip("_"): value for name, value in entries.items()}}, LAST]}


def asks(field: str, **op: Any) -> dict[str, Any]:
    return {"audience": {field: {name.rstrip("_"): value for name, value in op.items()}}}


_AT_THE_TOP: list[tuple[dict[str, Any], str, str]] = [
    ({"flow": None}, "name: Cart", "“flow” is missing. Add it."),
    ({"flow": "Cart Recovery"}, "flow: Cart Recovery", "“flow”: use small letters, digits and dashes."),
    ({"name": 7}, "name: 7", "“name” must be a text. Put it in quotes."),
    ({"name": "x" * 121}, "name: xxx", "“name”: Length must be between 1 and 120."),
    ({"nam": "Cart"}, "nam: Cart", "“nam” is not known here. Did you mean “name”?"),
    ({"trigger": None}, NONE, "“trigger” is missing. Add it."),
    (
        {"trigger": "checkout_abandoned"},
        "trigger: checkout_abandoned",
        "“trigger” must be a group of named entries. Write {name: value}.",
    ),
    ({"trigger": trigger(on=None)}, "trigger:", "“on” is missing. Add it."),
    (
        {"trigger": trigger(on="checkout_abandonned")},
        "on: checkout_abandonned",
        "“on”: “checkout_abandonned” is no event here. Did you mean “checkout_abandoned”?",
    ),
    (
        {"trigger": trigger(after="one hour")},
        "after: one hour",
        "“after”: “one hour” is no length of time; write for example 90m, 3h, 2d or 1w.",
    ),
    (
        {"trigger": {"on": "newsletter_subscribed", "after": "1h"}, "goal": None, "steps": [LAST]},
        "after: 1h",
        "“newsletter_subscribed” has no clock, so “after” means nothing here. Begin with a wait.",
    ),
    (
        {"trigger": trigger(key="checkout_token")},
        "key: checkout_token",
        "“key”: “checkout_token” must name a field of the event, such as event.checkout_token.",
    ),
    (
        {"trigger": trigger(key="event.token")},
        "key: event.token",
        "“checkout_abandoned” does not carry “event.token”. It has checkout_token, anchor_at, after_seconds, "
        "items, total, currency, recovery_url.",
    ),
    (
        {"trigger": trigger(key=None)},
        "match: event.checkout_token",
        "The goal must match the trigger's key, but there is none. Add trigger.key.",
    ),
    (
        {"trigger": trigger(where={})},
        "where: {}",
        "“where”: The condition is empty and would be true for everybody. Name a field, or drop it.",
    ),
    (
        {"trigger": trigger(where={"event.totl": {"gt": 0}})},
        "event.totl",
        "“event.totl” is no field. Did you mean “event.total”?",
    ),
    ({"reentry": "sometimes"}, "reentry: sometimes", "“reentry”: write never, always, or for example {after: 30d}."),
    (
        {"reentry": {"after": "x"}},
        "reentry:",
        "“reentry”: “x” is no length of time; write for example 90m, 3h, 2d or 1w.",
    ),
    (
        {"priority": 101},
        "priority: 101",
        "“priority”: Must be greater than or equal to 0 and less than or equal to 100.",
    ),
    ({"priority": "high"}, "priority: high", "“priority” must be a whole number."),
    ({"cap": "none"}, "cap: none", "“cap”: Must be one of: count, own, exempt."),
    ({"goal": {"on": "order_placed"}}, "goal:", "“within” is missing. Add it."),
    (
        {"exit": "order_placed"},
        "exit: order_placed",
        "“exit” must be a list. Begin each entry with a dash, or write [one, other].",
    ),
    ({"exit": ["bought"]}, "exit: [bought]", "“exit”: “bought” is no event here."),
    (
        {"hold_out": 100},
        "hold_out: 100",
        "“hold_out”: Must be greater than or equal to 1 and less than or equal to 90.",
    ),
    ({"tags": ["Post Purchase"]}, "tags:", "“tags”: use small letters, digits and dashes."),
    (
        {"not_while_in": "vip"},
        "not_while_in: vip",
        "“not_while_in” must be a list. Begin each entry with a dash, or write [one, other].",
    ),
    (
        {"hold_after_purchase": "7"},
        "hold_after_purchase:",
        "“hold_after_purchase”: “7” is no length of time; write for example 90m, 3h, 2d or 1w.",
    ),
    ({"about": {"reviewed": "yesterday"}}, "reviewed: yesterday", "“reviewed” must be a date. Write for example"),
    ({"messages": {}}, "messages: {}", "“messages” is filled in from the files in messages/. Leave it out."),
]

_CONDITIONS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"audience": {"person.order_count": 0}},
        "person.order_count",
        "“person.order_count” is no field. Did you mean “person.orders_count”?",
    ),
    (
        {"audience": {"person.orders_count": {"more": 0}}},
        "audience:",
        f"“audience”: “more” is no way to compare person.orders_count; choose from {', '.join(OPERATORS)}.",
    ),
    (
        {"audience": {"person.orders_count": {}}},
        "audience:",
        "“audience”: “person.orders_count” is compared with nothing; write for example {gt: 0}.",
    ),
    ({"audience": {"all": []}}, "audience:", "“audience”: “all” needs a list of conditions with at least one entry."),
    (
        asks("person.orders_count", gt="many"),
        "audience:",
        "“audience”: person.orders_count: gt needs a number, or an amount such as 30 EUR.",
    ),
    (
        asks("person.orders_count", between=[5, 2]),
        "audience:",
        "“audience”: person.orders_count: between needs two numbers, the smaller one first, for example [20, 50].",
    ),
    (
        asks("person.total_spent", between=["20 EUR", "50 USD"]),
        "audience:",
        "“audience”: person.total_spent: between needs both amounts in one currency, for example [20 EUR, 50 EUR].",
    ),
    (
        asks("person.country", in_="FR"),
        "audience:",
        "“audience”: person.country: in needs a list of values, for example [FR, BE].",
    ),
    (asks("person.email", exists="yes"), "audience:", "“audience”: person.email: exists needs true or false."),
    (asks("person.locale", starts_with=3), "audience:", "“audience”: person.locale: starts_with needs a text."),
    (
        asks("person.last_order_at", before="last year"),
        "audience:",
        "“audience”: person.last_order_at: before needs a date such as 2026-11-01, or 30d ago, or now.",
    ),
    (
        asks("person.last_order_at", within_last="a month"),
        "audience:",
        "“audience”: person.last_order_at: within_last needs a length of time such as 30d.",
    ),
    (
        asks("person.first_order_at", on_day="30 February"),
        "audience:",
        "“audience”: person.first_order_at: on_day needs a month and a day such as 12-24.",
    ),
    (
        asks("person.first_order_at", in_month=[13]),
        "audience:",
        "“audience”: person.first_order_at: in_month needs a list of months from 1 to 12, for example [11, 12].",
    ),
    (
        asks("event.items", some="shoes"),
        "audience:",
        "“audience”: event.items: some needs a condition, for example {product_id: 632910392}.",
    ),
    (
        asks("event.items", every={"price": {"les": 5}}),
        "audience:",
        f"“audience”: “les” is no way to compare price; choose from {', '.join(OPERATORS)}.",
    ),
]

_STEPS: list[tuple[dict[str, Any], str, str]] = [
    ({"steps": None}, NONE, "“steps” is missing. Add it."),
    ({"steps": []}, "steps: []", "“steps”: a flow needs at least one step."),
    ({"steps": [{"sms": "last"}]}, "sms: last", "The message “last” is written for email."),
    ({"steps": [{"emial": "last"}]}, "emial: last", f"“emial” is no step. Each step is one of {KINDS}."),
    ({"steps": ["email"]}, "steps:", f"“'email'” is no step. Each step is one of {KINDS}."),
    (
        {"steps": [{"email": "last", "wait": "3h"}]},
        "email: last",
        f"“email, wait”: two steps in one entry. Each step is one of {KINDS}.",
    ),
    (
        {"steps": [{"email": "hello"}]},
        "email: hello",
        "The message “hello” does not exist. Add messages/hello. There are countdown, last, plain, proof, reminder.",
    ),
    (
        {"steps": [{"email": "last", "subject": "Hi"}]},
        "subject: Hi",
        "“subject” is not known here. Known are email, id, note, on_cap, only_for.",
    ),
    ({"steps": [{"email": "last", "on_cap": "wait"}]}, "on_cap: wait", "“on_cap”: Must be one of: defer, drop."),
    (
        {"steps": [{"email": "last", "only_for": {"person.vip": True}}]},
        "person.vip",
        "“person.vip” is no field.",
    ),
    ({"steps": [{"email": "last", "id": "The End"}]}, "id: The End", "“id”: use small letters, digits and dashes."),
    (
        {"steps": [{"end": "done"}, LAST]},
        "email: last",
        "Nobody ever gets here: the flow has ended before. Remove the step.",
    ),
    (
        {"steps": [{"move_to": "other"}, LAST]},
        "email: last",
        "Nobody ever gets here: the flow has ended before. Remove the step.",
    ),
    ({"steps": [{"end": "Done well"}]}, "end: Done well", "“end”: use small letters, digits and dashes."),
    (
        {"steps": [{"wait": "1h", "id": "a"}, {"wait": "1h", "id": "a"}]},
        "id: a",
        "Two steps are called “a”. Give one of them another id.",
    ),
    ({"steps": [{"move_to": "Other Flow"}]}, "move_to: Other Flow", "“move_to”: use small letters, digits and dashes."),
    ({"steps": [{"enter": ["a", "b"]}]}, "enter: [a, b]", "“enter” must be a text. Put it in quotes."),
    (
        {"steps": [{"suppress": "letters"}]},
        "suppress: letters",
        "“suppress”: Must be one of: email, sms, whatsapp, all.",
    ),
    ({"steps": [{"coupon": {"as": "x", "percent": 10}}, LAST]}, "as: x", "“as”: say how long the code is valid"),
]

_WAITS: list[tuple[dict[str, Any], str, str]] = [
    ({"steps": [{"wait": "500d"}]}, "wait: 500d", "“500d” is longer than 400 days."),
    ({"steps": [{"wait": "soon"}]}, "wait: soon", "“soon” is no length of time; write for example 90m, 3h, 2d or 1w."),
    ({"steps": [{"wait": 3}]}, "wait: 3", FORMS),
    ({"steps": [{"wait": {}}]}, "wait: {}", "“until”: write a length of time"),
    (waits(until=9), "until: 9", "“until” must be a text. Put it in quotes."),
    (waits(until="09:00", on="monday"), "on: monday", "“on” is not known here."),
    (
        waits(until="+24h"),
        "until: +24h",
        "“+24h”: write for example “+24h from trigger” or “-7d from event.expires_at”.",
    ),
    (
        waits(until="-1h from trigger"),
        "until:",
        "“-1h from trigger” is before the flow begins; write for example “+24h from trigger”.",
    ),
    (
        waits(until="+36h from trigger at 09:00"),
        "until:",
        "“+36h from trigger at 09:00”: a time of day needs whole days, for example “+1d from trigger at 09:00”.",
    ),
    (
        waits(until="-7d from event.expires_at"),
        "until:",
        "“checkout_abandoned” does not carry “event.expires_at”. It has checkout_token,",
    ),
    (waits(until="9 am"), "until: 9 am", "“9 am” is no moment; write for example “09:00”, “tomorrow 09:00”,"),
    (waits(until="25:00"), "until:", "“25:00” is no time of day; write for example 09:00 or 18:30."),
    (waits(until="monday"), "until: monday", "“monday”: say at what time, for example “monday 09:00”."),
    (waits(until="2026-12-24"), "until:", "“2026-12-24”: say at what time, for example “2026-12-24 09:00”."),
    (waits(until="2026-02-30 09:00"), "until:", "“2026-02-30” is no day of the calendar."),
    (waits(until="noneday 09:00"), "until:", "“noneday 09:00” is no moment; write for example “09:00”,"),
    (waits(for_="order_paid"), "for: order_paid", "“for”: say for how long, for example at_most: 3d."),
    (waits(for_="order_payed", at_most="1d"), "for: order_payed", "“for”: “order_payed” is no event here."),
    (waits(for_="order_paid", until="09:00", at_most="1d"), "until:", "“until”: write a length of time"),
    (waits(until="09:00", at_most="1d"), "at_most: 1d", "“at_most”: it belongs to “for: EVENT”; leave it out."),
    (
        waits(for_="order_paid", at_most="1d", where={"event.totl": 5}),
        "event.totl",
        "“event.totl” is no field. Did you mean “event.total”?",
    ),
    (
        waits(for_="order_paid", at_most="1d", match="event.order_id"),
        "match: event.order_id",
        "“checkout_abandoned” does not carry “event.order_id”.",
    ),
    (
        {"steps": [{"wait": "3h", "then": [LAST]}]},
        "then:",
        "“then”: only a wait for an event has two ways; leave it out.",
    ),
    (
        {"steps": [{"wait": {"until": "09:00"}, "else": [LAST]}]},
        "else:",
        "“else”: only a wait for an event has two ways; leave it out.",
    ),
]

_WAYS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"steps": [{"when": {"event.total": 5}}]},
        "when:",
        "“when”: it has neither “then” nor “else” steps and decides nothing.",
    ),
    (
        {"steps": [{"when": {}, "then": [LAST]}]},
        "when: {}",
        "“when”: The condition is empty and would be true for everybody. Name a field, or drop it.",
    ),
    (
        {"steps": [{"when": {"person.cty": "x"}, "then": [LAST]}]},
        "person.cty",
        "“person.cty” is no field. Did you mean “person.city”?",
    ),
    (
        {"steps": [{"when": {"event.total": 5}, "then": [{"wiat": "3h"}]}]},
        "wiat: 3h",
        f"“wiat” is no step. Each step is one of {KINDS}.",
    ),
    (
        {"steps": [{"when": {"event.total": 5}, "then": {"email": "last"}}]},
        "then:",
        "“then” must be a list. Begin each entry with a dash, or write [one, other].",
    ),
    (
        {"steps": [{"cases": []}]},
        "cases: []",
        "“cases”: needs at least one case, for example {when: ..., then: [...]}.",
    ),
    ({"steps": [{"cases": [{"then": [LAST]}]}]}, "then:", "“when” is missing. Add it."),
    (
        {"steps": [{"cases": [{"when": {"event.total": 5}, "thn": [], "then": []}], "else": [LAST]}]},
        "thn: []",
        "“thn” is not known here. Did you mean “then”?",
    ),
    ({"steps": [{"cases": [{"when": {"event.total": 5}}]}]}, "when:", "“then” is missing. Add it."),
    (
        {"steps": [{"cases": [{"when": {"event.total": 5}, "then": []}], "else": []}]},
        "cases:",
        "“cases”: no case has any steps, so it decides nothing.",
    ),
    (
        {"steps": [{"cases": [{"when": {"event.totl": 5}, "then": [LAST]}]}]},
        "event.totl",
        "“event.totl” is no field. Did you mean “event.total”?",
    ),
    (
        {"steps": [{"cases": [{"when": {"event.total": 5}, "then": [{"emial": "last"}]}]}]},
        "emial: last",
        f"“emial” is no step. Each step is one of {KINDS}.",
    ),
    (
        {"steps": [split(shares={"a": 50, "b": 40})]},
        "shares:",
        "“shares”: the shares sum to 90, they must sum to 100.",
    ),
    ({"steps": [split(arms={"a": [], "b": [], "c": []})]}, "arms:", "“arms”: “c” has steps but no share."),
    (
        {"steps": [split(arms={"a": []})]},
        "shares:",
        "“shares”: “b” has a share but no steps; write b: [] to go straight on.",
    ),
    (
        {"steps": [split(shares={"a": 90, "hold_out": 10}, arms={"a": [], "hold_out": []})]},
        "arms:",
        "“arms”: hold_out has no steps; leave it out of the arms.",
    ),
    ({"steps": [split(shares={"a": 50.5, "b": 50})]}, "a: 50.5", "“a” must be a whole number."),
]

_DEEDS: list[tuple[dict[str, Any], str, str]] = [
    ({"steps": [{"task": {"details": "Call"}}, LAST]}, "task:", "“title” is missing. Add it."),
    (
        {"steps": [{"task": {"title": "Call", "assignee": "Sales"}}, LAST]},
        "assignee: Sales",
        "“assignee”: Not a valid email address.",
    ),
    (
        {"steps": [{"task": {"title": "Call", "due": "soon"}}, LAST]},
        "due: soon",
        "“due”: “soon” is no length of time; write for example 90m, 3h, 2d or 1w.",
    ),
    (
        {"steps": [{"notify": {"to": ["sales"], "subject": "A lead", "text": "Call"}}, LAST]},
        "sales",
        "“to”: Not a valid email address.",
    ),
    ({"steps": [{"notify": {"subject": "A lead"}}, LAST]}, "notify:", "“text” is missing. Add it."),
    (
        {"steps": [{"webhook": {"endpoint": "The CRM"}}, LAST]},
        "endpoint: The CRM",
        "“endpoint”: use small letters, digits and dashes.",
    ),
    (
        {"steps": [{"webhook": {"endpoint": "crm", "data": {"total": "event.totl"}}}, LAST]},
        "event.totl",
        "“checkout_abandoned” does not carry “event.totl”. It has",
    ),
    (
        {"steps": [{"webhook": {"endpoint": "crm", "data": {"who": "person.emial"}}}, LAST]},
        "person.emial",
        "“person.emial” is no field. Did you mean “person.email”?",
    ),
    (
        {"steps": [{"webhook": {"endpoint": "crm", "data": "event.total"}}, LAST]},
        "data: event.total",
        "“data”: write {name: value}, for example {total: event.total}.",
    ),
    (
        {"steps": [{"event": {"name": "Lead!"}}, LAST]},
        "name: Lead!",
        "“name”: use small letters, digits and _.",
    ),
    (
        {"steps": [{"event": {"name": "lead", "properties": {"the total": 1}}}, LAST]},
        "properties:",
        "“properties”: “the total” is no name: it has letters, digits and _.",
    ),
    (
        {"steps": [{"event": {"name": "lead"}}, LAST], "trigger": {"on": "custom:lead"}, "goal": None},
        "event:",
        "The flow itself begins with “custom:lead”. Tell another event.",
    ),
    ({"steps": [{"push": "last"}]}, "push: last", "The message “last” is written for email."),
]
BROKEN = [*_AT_THE_TOP, *_CONDITIONS, *_STEPS, *_WAITS, *_WAYS, *_DEEDS]
"""What is changed in a good flow (`tests.core.examples.definition`), what stands in the line that is named, and how the
sentence begins."""
