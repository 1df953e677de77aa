"""How far a shop is on its way from an installed app to flows that send: nothing of it is written down, all of it is
read from what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from connector import audit
from connector.install import checklist, starting
from connector.shopify import scopes
from connector.shops import Shop
from flows.engine import lifecycle
from flows.engine.book import Book
from flows.engine.lifecycle import Standing
from sync import backfill
from sync.backfill import Backfill

TESTED = "message.test"
"""The act of the audit log that shows that somebody has sent a message to themselves."""
OBJECT = "onboarding"


@dataclass(frozen=True)
class Step:
    """``state``: done, next (the first that can be done now), open, or later: something before it has to be done.
    ``lacks``: what is missing and what to do about it, a sentence each."""

    key: str
    title: str
    done: bool
    says: str
    lacks: Sequence[str] = ()
    state: str = "open"


@dataclass(frozen=True)
class Sendable:
    """A message that can be tried: of a flow that the shop begins with."""

    flow: str
    message: str

    @property
    def key(self) -> str:
        return f"{self.flow}/{self.message}"


@dataclass(frozen=True)
class Way:
    """All steps, and what their parts of the page are made of."""

    steps: Sequence[Step]
    backfill: Backfill | None
    starters: Sequence[Standing]
    messages: Sequence[Sendable]

    @property
    def done(self) -> int:
        return sum(step.done for step in self.steps)

    @property
    def finished(self) -> bool:
        return self.done == len(self.steps)


def way(connection: Connection, shop: Shop) -> Way:
    """Where the shop is."""
    flows = {one.flow: one for one in lifecycle.flows_of(connection, shop.id, counted=False)}
    starters = [flows[name] for name in starting.in_order() if name in flows]
    history = backfill.history(connection, shop.id, 1)
    newest = history[0] if history else None
    steps = [
        _store(shop),
        _brevo(shop),
        _sender(shop),
        _starters(starters),
        _others(connection, shop),
        _past(newest),
        _tried(connection, shop),
        _active(starters),
    ]
    return Way(_placed(steps), newest, starters, _messages(connection, shop, starters))


def _store(shop: Shop) -> Step:
    if shop.state == "uninstalled":
        lack = "The app is not installed any more: open it in the Shopify admin, under Apps, to install it again."
        return Step("store", "Connect the store", False, "", [lack])
    lacks = []
    if shop.granted_scopes is not None:
        lacks = [
            f"The store does not let us read or write {scopes.NEEDED[name].purpose} ({name}): open the app in the"
            " Shopify admin and agree to what it asks for."
            for name in scopes.missing(frozenset(shop.granted_scopes))
        ]
    return Step("store", "Connect the store", True, f"{shop.domain} is connected.", lacks)


def _brevo(shop: Shop) -> Step:
    title = "Connect Brevo"
    if shop.has_brevo and shop.state != "installed":
        return Step("brevo", title, True, f"An account is connected; messages come from {shop.sender_email}.")
    return Step(
        "brevo", title, False,
        "Brevo keeps your contacts and sends your messages. Until it is connected, what the store reports is kept and"
        " nothing is sent.",
    )  # fmt: skip


def _sender(shop: Shop) -> Step:
    settings = shop.settings
    lacks = []
    if not shop.sender_email:
        lacks.append("There is no sender yet: add and verify one at Brevo, then connect Brevo again.")
    if not settings["address"]:
        lacks.append("Every marketing email has to name your postal address: enter it in the settings.")
    says = f"Messages come from {shop.sender_name} <{shop.sender_email}>." if shop.sender_email else ""
    if settings["address"]:
        says += f" They name {settings['address']}."
    if not (settings["logo_url"] or settings["brand"]["colour"]):
        says += " A logo and the colour of your brand can be set too; without them emails are plain."
    return Step("sender", "Say who writes", not lacks, says.strip(), lacks)


def _starters(starters: Sequence[Standing]) -> Step:
    there = {one.flow for one in starters if one.status != "archived"}
    missing = [name for name in starting.in_order() if name not in there]
    says = (
        "A welcome for new subscribers and reminders of carts that are left: these two bring most, and they are ready"
        " to use. As drafts they send nothing."
    )
    return Step("starters", "Put the first flows in", not missing, says)


def _others(connection: Connection, shop: Shop) -> Step:
    left = checklist.open_items(checklist.items(connection, shop.id))
    if not left:
        says = "Nothing else writes to the same people, as far as you have said."
        return Step("others", "Switch other mails off", True, says)
    count = f"{len(left)} {'thing' if len(left) == 1 else 'things'}"
    return Step(
        "others", "Switch other mails off", False,
        f"{count} at Brevo and in the store may write to the same people as these flows. Look at each and tick it off.",
    )  # fmt: skip


def _past(newest: Backfill | None) -> Step:
    title = "Read what the store knows already"
    if newest is None:
        says = (
            "Customers, orders and products of before, so that nobody is taken for new who is not. It starts no flow."
        )
        return Step("past", title, False, says)
    if newest.state == "done":
        read = sum(part.done for part in newest.parts)
        return Step("past", title, True, f"{read:,} records were read.")
    if newest.ended:
        return Step("past", title, False, "It ended before everything was read.", [newest.reason or "Start it again."])
    return Step("past", title, False, "It is being read. You need not wait for it here.")


def _tried(connection: Connection, shop: Shop) -> Step:
    lines = audit.lines_about(connection, shop.id, OBJECT, "test", limit=1)
    says = "See a message as your customers will get it. A test is marked as one and counts nowhere."
    return Step("test", "Send a message to yourself", bool(lines), says)


def _active(starters: Sequence[Standing]) -> Step:
    asleep = [one for one in starters if one.status in ("draft", "paused")]
    awake = [one for one in starters if one.status == "active"]
    if awake and not asleep:
        says = "The flows let people in and send: " + ", ".join(one.flow for one in awake) + "."
        return Step("active", "Activate", True, says)
    return Step("active", "Activate", False, "From then on people come in, and messages are sent.")


_NEEDS = {
    "brevo": ("store",), "sender": ("brevo",), "starters": (), "others": (), "past": ("store",),
    "test": ("brevo", "starters"), "active": ("brevo", "sender", "starters"),
}  # fmt: skip


def _placed(steps: Sequence[Step]) -> list[Step]:
    """The steps with their states: the first that can be done is next."""
    done = {step.key for step in steps if step.done}
    placed, found = [], False
    for step in steps:
        state = "open"
        if step.done:
            state = "done"
        elif not done.issuperset(_NEEDS.get(step.key, ())):
            state = "later"
        elif not found:
            state, found = "next", True
        placed.append(Step(step.key, step.title, step.done, step.says, step.lacks, state))
    return placed


def _messages(connection: Connection, shop: Shop, starters: Sequence[Standing]) -> list[Sendable]:
    """The emails of the flows that the shop begins with, in the order in which they are sent."""
    book, found = Book(connection, shop.id), []
    for one in starters:
        if one.status == "archived":
            continue
        flow = book.published(one.flow, one.version).flow
        named = dict.fromkeys(getattr(step.config, "message", "") for step in flow.steps.values())
        emails = [name for name in named if name in flow.messages and flow.messages[name].channel == "email"]
        found += [Sendable(one.flow, name) for name in emails]
    return found
