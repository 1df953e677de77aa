"""A flow in the words of those who run a shop: what starts it, what each step does, when it ends. No codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flows.core import durations, graph, words
from flows.core.conditions import All, AnyOf, Condition, Leaf, Not, from_data
from flows.core.graph import Node
from flows.core.model import FlowVersion, Limit
from flows.core.problems import Finder
from flows.core.signals import SIGNALS

CHANNELS: Mapping[str, str] = {"email": "Email", "sms": "Text message", "whatsapp": "WhatsApp", "push": "Push message"}
"""Channel -> what its messages are called."""
STATUS: Mapping[str, tuple[str, str]] = {
    "active": ("active", "good"),
    "paused": ("paused", "warning"),
    "draft": ("draft", "attention"),
    "archived": ("archived", ""),
}
"""Status of a flow -> (how it is said, tone of its badge)."""
OUTCOMES: Mapping[str, str] = {
    "completed": "came to the end",
    "goal": "reached the goal",
    "exited": "left",
    "held_out": "were kept out, to compare with",
    "time_limit": "had been in it for too long",
    "restarted": "began anew",
    "removed": "were taken out by staff",
    "no_date": "had no date to wait for",
}
"""How a run ended -> what is said of those people. One that a flow names itself is read as it is called."""
EVENTS: Mapping[str, str] = {
    "lapsed": "no order any more",
    "unengaged": "no sign of life",
    "newsletter_subscribed": "signed up for emails",
    "first_order_anniversary": "anniversary of the first order",
    "opened_n_in_a_row": "several emails opened in a row",
    "product_viewed_n_times": "one product looked at several times",
    "browse_abandoned": "looked at a product and left",
    "search_without_purchase": "searched and bought nothing",
    "order_count_reached": "a number of orders reached",
    "confirmed_orders_reached": "a number of paid orders reached",
    "total_spent_reached": "an amount spent in all",
    "tier_downgrade_risk": "tier about to end",
    "close_to_upgrade": "close to the next tier",
    "renewal_upcoming": "subscription about to renew",
    "replenishment_due": "time to buy again",
    "payment_still_pending": "order still not paid",
    "days_since_first_order": "some time since the first order",
}
"""Event -> what it is called where its own name does not say it; others are read as they are called."""
_MESSAGES = {"email": "emails", "sms": "text messages", "push": "push messages", "whatsapp": "WhatsApp"}
_UNITS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
_SPAN = re.compile(r"(\d+)([mhdw])")
# A length of time where only one can stand.
_AGO = re.compile(r"\b\d+[mhdw]\b(?= ago\b)|(?<=within the last )\d+[mhdw]\b|(?<=within the next )\d+[mhdw]\b")
_OFFSET = re.compile(r"(?:(?P<sign>[+-])(?P<span>\S+) from )?(?P<anchor>trigger|event\.\S+)(?: at (?P<at>\S+))?")
_WHOSE = {
    "person": "their",
    "activity": "their",
    "loyalty": "their loyalty",
    "event": "the trigger's",
    "shop": "the shop's",
    "checkout": "the checkout's",
    "now": "the",
    "score": "their score",
    "coupon": "the discount code's",
}
"""Family of a field -> how it is said whose it is."""


def spoken(span: timedelta | str) -> str:
    """A length of time: ``3h`` -> "3 hours"."""
    text = span if isinstance(span, str) else durations.say(span)
    found = _SPAN.fullmatch(text)
    if found is None:
        return text
    number, unit = found.groups()
    return f"{number} {_UNITS[unit]}{'' if number == '1' else 's'}"


def named(name: str) -> str:
    """A name of ours as words: ``order_placed`` -> "order placed"."""
    return name.replace("_", " ").replace("-", " ")


def event(name: str) -> str:
    """An event, for the inside of a sentence: "checkout abandoned", "your own event “trial started”"."""
    kind, _, own = name.partition(":")
    return f"your own event “{named(own)}”" if kind == "custom" and own else EVENTS.get(name) or named(name)


def outcome(code: str) -> str:
    """How some people left, as the rest of "12 people ..."."""
    kind, _, which = code.partition(":")
    if kind == "exit":
        return f"left: {event(which)}"
    if kind == "moved":
        return f"went on in {which}"
    return OUTCOMES.get(code) or f"ended as “{named(code)}”"


def field(path: str) -> str:
    """A field that conditions ask for: ``person.consent.sms`` -> "their consent to sms"."""
    family, _, rest = path.partition(".")
    if family == "segment":
        return f"being in the segment {named(rest)}"
    if family == "shop" and rest.startswith("offers."):
        _, offer, *what = rest.split(".")
        return f"the shop's {named(offer)} offer ({named(' '.join(what))})"
    if rest.startswith("consent."):
        channel = rest.removeprefix("consent.")
        return f"their consent to {_MESSAGES.get(channel, named(channel))}"
    rest = rest.removeprefix("properties.").replace(".", " ")
    return f"{_WHOSE.get(family, f'their {named(family)}')} {named(rest)}"


def condition(asked: Condition) -> str:
    """A condition as one sentence, without its end."""
    return words.condition(_called(asked))


def _called(asked: Condition) -> Condition:
    """The same with fields as people call them."""
    match asked:
        case Leaf():
            value = (
                _SPAN.sub(lambda found: spoken(found.group()), asked.value) if _is_span(asked.value) else asked.value
            )
            return replace(asked, field=field(asked.field), value=value)
        case Not(of=inner):
            return Not(_called(inner))
        case All(of=parts):
            return All(tuple(map(_called, parts)))
        case AnyOf(of=parts):
            return AnyOf(tuple(map(_called, parts)))


def clause(text: str, fields: Iterable[str] = (), events: Iterable[str] = ()) -> str:
    """What the engine says of a condition, with these fields and events of it as people call them."""
    called = {**{name: event(name) for name in events}, **{path: field(path) for path in fields}}
    if called:
        # The longest first: one may begin as another one is called.
        names = "|".join(map(re.escape, sorted(called, key=len, reverse=True)))
        text = re.sub(rf"(?<![\w.])(?:{names})(?!\w|\.\w)", lambda found: called[found.group()], text)
    return _AGO.sub(lambda found: spoken(found.group()), text)


def _is_span(value: Any) -> bool:
    return isinstance(value, str) and _SPAN.fullmatch(value.removesuffix(" ago")) is not None


def trigger(flow: FlowVersion) -> str:
    """What starts the flow, with its threshold: "Checkout abandoned, after 1 hour"."""
    begins = flow.trigger
    if begins.schedule is not None:
        return f"By the calendar: {begins.schedule.say()}"
    signal = SIGNALS.get(begins.on)
    after = begins.after or (signal.threshold if signal else None)
    said = event(begins.on) + (f", after {spoken(after)}" if after else "")
    return said[:1].upper() + said[1:]


def who(flow: FlowVersion) -> Iterator[str]:
    """Who comes in, in sentences."""
    if flow.trigger.where is not None:
        yield f"Only if {condition(flow.trigger.where)}."
    yield f"For people of whom this holds: {condition(flow.audience)}." if flow.audience else "For everybody."
    match flow.reentry.kind, flow.reentry.after:
        case "never", _:
            yield "Nobody enters twice."
        case "always", _:
            yield "People may enter again and again."
        case _, after:
            yield f"People may enter again {spoken(after) if after else 'later'} after they last entered."
    if flow.not_while_in:
        yield f"Not while they are in a flow tagged {' or '.join(flow.not_while_in)}."
    if flow.hold_out:
        yield f"{flow.hold_out.percent} % of people are kept out by chance, to see what the flow is worth."


def ends(flow: FlowVersion) -> Iterator[str]:
    """What ends it before its last step, in sentences."""
    for rule in flow.exit_rules:
        where = f", if {condition(rule.where)}" if rule.where else ""
        same = ", for the same one as the trigger" if rule.match else ""
        there = f"; they go on in {rule.move_to}" if rule.move_to else ""
        yield f"It ends at once on {event(rule.on)}{where}{same}{there}."
    if flow.limit is not None:
        yield f"Nobody stays in it for longer than {spoken(flow.limit)}."
    if flow.restart is not None:
        other = f", when {field(flow.restart.when_different)} is another" if flow.restart.when_different else ""
        yield f"It begins anew on {' or '.join(map(event, flow.restart.on))}{other}."


def limits(flow: FlowVersion) -> Iterator[str]:
    """How much it may send and when, in sentences."""
    yield {
        "count": "The shop's limits on messages to one person hold for it.",
        "own": "It keeps to its own plan: its messages count, and other flows give way to them.",
        "exempt": "No limit on messages to one person holds it back.",
    }[flow.cap]
    yield from (_limit(one) for one in flow.caps)
    yield f"Its priority is {flow.priority}: of two flows that want to write on one day the higher one goes first."
    if flow.hold_after_purchase:
        yield f"No marketing for {spoken(flow.hold_after_purchase)} after an order."
    if any(message.purpose == "marketing" for message in flow.messages.values()):
        yield "Its marketing keeps to the quiet hours where each person lives."


def _limit(limit: Limit) -> str:
    what = "messages" if limit.channel is None else f"messages by {limit.channel}"
    when = "a day" if limit.days is None else f"in {limit.days} days"
    return f"At most {limit.count} {what} {when} to one person."


def goal(flow: FlowVersion) -> str:
    """What counts as a success; "" when the flow says nothing of it."""
    if flow.goal is None:
        return ""
    same = ", for the same one as the trigger" if flow.goal.match else ""
    said = event(flow.goal.event)
    return f"{said[:1].upper()}{said[1:]}, within {spoken(flow.goal.within)} after entering{same}"


def until(moment: str) -> str:
    """The moment of a wait: ``+24h from trigger`` -> "24 hours after the trigger"."""
    found = _OFFSET.fullmatch(moment)
    if found is None:
        return moment
    anchor = "the trigger" if found["anchor"] == "trigger" else field(found["anchor"])
    at = f", at {found['at']}" if found["at"] else ""
    if found["span"] is None:
        return f"{anchor}{at}"
    return f"{spoken(found['span'])} {'before' if found['sign'] == '-' else 'after'} {anchor}{at}"


def _wait(value: Any, written: Mapping[str, Any]) -> str:
    if isinstance(value, str):
        return f"Wait {spoken(value)}"
    if "until" in value:
        return f"Wait until {until(value['until'])}"
    where = f", if {condition(from_data(value['where']))}" if "where" in value else ""
    return f"Wait for {event(value['for'])}{where}, {spoken(value['at_most'])} at most"


def _coupon(value: Mapping[str, Any], written: Mapping[str, Any]) -> str:
    if "pool" in value:
        return f"Discount code from the pool {value['pool']}"
    worth = value.get("percent", value.get("amount"))
    said = field(worth) if isinstance(worth, str) and worth.startswith("shop.") else f"{worth}"
    off = said if said != str(worth) else f"{said} %" if "percent" in value else f"{said} off"
    return f"Discount code of {off}, valid for {spoken(value['valid'])}"


def _entries(value: Mapping[str, Any], written: Mapping[str, Any]) -> str:
    return ", ".join(f"{named(name)} {_value(said)}" for name, said in value.items())


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


STEPS: Mapping[str, tuple[str, Callable[[Any, Mapping[str, Any]], str]]] = {
    **{name: (said, lambda value, _: named(value)) for name, said in CHANNELS.items()},
    "wait": ("Wait", _wait),
    "when": ("Question", lambda value, _: f"If {condition(from_data(value))}"),
    "cases": ("Question", lambda value, _: "The first case that holds"),
    "split": ("Test", lambda value, _: f"By chance: {named(value['name'])}"),
    "coupon": ("Discount code", _coupon),
    "tag": ("Tags", _entries),
    "list": ("List at Brevo", _entries),
    "attribute": ("Attributes at Brevo", _entries),
    "points": ("Points", _entries),
    "tier": ("Tier", _entries),
    "score": ("Score", _entries),
    "shopify_flow": ("Shopify Flow", lambda value, _: f"Start {value}"),
    "task": ("Task", lambda value, _: f"For staff: {value['title']}"),
    "notify": ("Email to staff", lambda value, _: str(value["subject"])),
    "webhook": ("Another system", lambda value, _: f"Tell {value['endpoint']}"),
    "event": ("Event", lambda value, _: f"Tell the event {named(value['name'])}"),
    "suppress": (
        "Silence",
        lambda value, _: "No more marketing" + ("" if value == "all" else f" by {CHANNELS.get(value, value).lower()}"),
    ),
    "enter": ("Another flow", lambda value, _: f"Also enter {value}"),
    "move_to": ("Another flow", lambda value, _: f"Go on in {value}"),
    "end": ("End", lambda value, _: f"The flow ends: {named(str(value))}"),
}
"""Kind of a step -> (what such a step is called, what this one does, from its value and all that is written)."""


def step(node: Node, definition: Mapping[str, Any]) -> tuple[str, str]:
    """(what such a step is called, what this one does)."""
    written = written_at(node, definition)
    called, say = STEPS.get(node.kind.name, (named(node.kind.name).capitalize(), lambda value, _: _value(value)))
    return called, say(written[node.kind.name], written)


def steps(flow: FlowVersion) -> Mapping[str, str]:
    """{id: what the step does}, in the order of the flow."""
    nodes = graph.everything(graph.read(flow.definition["steps"], Finder("", {})))
    said = ((node, *step(node, flow.definition)) for node in nodes)
    return {node.id: f"{called}: {title}" if node.written.messages else title for node, called, title in said}


def written_at(node: Node, definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """The step as its file has it."""
    written: Any = definition
    for part in node.path:
        written = written[part]
    found: Mapping[str, Any] = written
    return found


def way(node: Node, port: str, definition: Mapping[str, Any]) -> str:
    """What a way behind a step is called that parts people."""
    written = written_at(node, definition)
    match node.kind.name:
        case "when":
            return "Yes" if port == "then" else "No, or it cannot be told"
        case "wait":
            return "It happened" if port == "then" else "It did not happen in time"
        case "split":
            return f"{named(port)}, {written['split']['shares'][port]} %"
        case "cases" if port != "else":
            return f"If {condition(from_data(written['cases'][int(port.removeprefix('case-')) - 1]['when']))}"
        case _:
            return "Otherwise"
