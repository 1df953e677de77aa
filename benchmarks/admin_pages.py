"""How long the pages of the admin take of a shop with so many people, beside those of a shop that has just begun.

Every page that staff can open is asked in turn at both shops, in one process and over no network: what is measured is
the server's own time. A page of an object shows one that both shops have. What a page tells of before it is done is
asked too: it looks at people, at no more than so many, and has to answer while somebody waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask, url_for
from flask.testing import FlaskClient
from sqlalchemy import Connection, text
from werkzeug.routing import Rule

from benchmarks import due_steps_crowd
from benchmarks.admin_history import remember
from benchmarks.own_servers import OwnServers, add_shop
from benchmarks.progress import say
from connector.admin import accounts, sessions, visiting
from connector.admin.access import NOBODY, OWNER, ROUTES
from connector.app import create_app
from connector.clock import monotonic
from connector.db.session import transaction
from connector.shops import Shop
from flows.analytics import counting
from flows.analytics.rounds import count_all
from flows.engine import flow_drafts
from flows.engine.book import current

PEOPLE = 100_000
FEW = 1
ROUNDS = 40
AIM = 3.0
_FLOW = "bench-news"
# Whoever is looked at has all that a shop's people have: a message, an order, a task, a code.
_OBJECTS: Mapping[str, str] = {
    "person_id": "SELECT 1",
    "run_id": "SELECT max(id) FROM sync_runs WHERE shop_id = :shop",
    "delivery_id": "SELECT max(id) FROM inbox WHERE shop_id = :shop",
    "outbox_id": "SELECT max(id) FROM outbox WHERE shop_id = :shop",
    "message_id": "SELECT max(id) FROM outbox WHERE shop_id = :shop",
    "task_id": "SELECT max(id) FROM tasks WHERE shop_id = :shop",
    "endpoint_id": "SELECT max(id) FROM webhook_endpoints WHERE shop_id = :shop",
    "alert_id": "SELECT max(id) FROM alerts WHERE shop_id = :shop",
    "flow": f"SELECT '{_FLOW}'",
    "version": "SELECT 1",
    "message": "SELECT 'story'",
    "section": "SELECT 'limits'",
}
# What is asked with something to look for.
_ASKED: Mapping[str, Sequence[str]] = {
    "admin.people": ("q=customer-1@example.com", "q=%231", "q=First+1", "q=1000001"),
    "admin.messages": (
        "state=skipped", "state=failed", f"flow={_FLOW}", "person=1", "channel=email", "reported=complained",
    ),
    "admin.standing": ("kind=records", "kind=events", "kind=messages"),
    "admin.tasks": ("show=closed", "show=late"),
    "admin.audit": ("actor=staff:1", "act=person.reveal", "object_kind=person&object_id=1"),
}  # fmt: skip
# What is looked at beforehand, with its form.
_BEFOREHAND: Mapping[str, Mapping[str, str]] = {
    "admin.check_mapping": {"document": "attributes: {CITY: {from: city, type: text, transform: upper}}", "seen": "x"},
    "admin.preview_arming": {"signal": "lapsed", "daily": "50"},
}
WAITED = 2.0
"""Seconds that somebody waits for one of these."""


@dataclass(frozen=True)
class Page:
    """A page of one shop, by its endpoint and what is asked of it. ``form``: it is sent one."""

    name: str
    path: str
    form: Mapping[str, str] | None = None


def run(people: int = PEOPLE, rounds: int = ROUNDS) -> dict[str, Any]:
    """The pages at a shop with so many people (each with five events) and at one with a single one."""
    with OwnServers(due_steps_crowd.START.timestamp()) as servers:
        deps = servers.deps
        now = deps.clock.now()
        shops = {}
        for name, count in (("few", FEW), ("many", people)):
            with transaction(deps.engine) as connection:
                shops[name] = add_shop(connection, now - timedelta(days=1), f"{name}.myshopify.com")
            due_steps_crowd.gather(deps.engine, shops[name], count, now, tidy=False)
            remember(deps.engine, shops[name], count, now)
            with deps.open(shops[name]) as scope:
                files = flow_drafts.from_version(scope.connection, scope.shop_id, _FLOW, 1)
                flow_drafts.keep(scope, _FLOW, files, by="cli")
                counting.rebuild(scope)
            count_all(deps, shops[name], current)
        app = create_app(deps.settings, deps.engine, deps.redis, deps=deps)
        # The proof of a form is made by the page before it, and costs the same everywhere.
        app.config["WTF_CSRF_METHODS"] = set()
        with transaction(deps.engine) as connection:
            pages = {name: list(pages_of(app, connection, shop)) for name, shop in shops.items()}
        before = {name: list(beforehand(app, shop)) for name, shop in shops.items()}
        browser = signed_in(app, deps)
        found = judged(measure(browser, pages["few"], rounds, pages["many"]))
        found["beforehand"] = waited(measure(browser, before["few"], max(rounds // 4, 1), before["many"]))
        with transaction(deps.engine) as connection:
            return {"people": people, **found, "control": control(connection, shops["few"], shops["many"])}


def control(connection: Connection, few: Shop, many: Shop) -> dict[str, float]:
    """What a page would take that counts the events of its shop."""
    times = []
    for shop in (few, many):
        began = monotonic()
        connection.scalar(text("SELECT count(*) FROM events WHERE shop_id = :shop"), {"shop": shop.id})
        times.append(monotonic() - began)
    return {"times": round(times[1] / times[0], 1)}


def pages_of(app: Flask, connection: Connection, shop: Shop) -> Iterator[Page]:
    """Every page of the admin about this shop, of objects that it has."""
    found = {name: connection.scalar(text(query), {"shop": shop.id}) for name, query in _OBJECTS.items()}
    known = {"shop_id": shop.id, **found}
    for rule in sorted(app.url_map.iter_rules(), key=lambda one: one.endpoint):
        if is_page(rule) and "shop_id" in rule.arguments and all(known.get(name) for name in rule.arguments):
            with app.test_request_context():
                path = url_for(rule.endpoint, **{name: known[name] for name in rule.arguments})
            for query in ("", *_ASKED.get(rule.endpoint, ())):
                yield Page(f"{rule.endpoint} {query}".strip(), f"{path}?{query}" if query else path)


def beforehand(app: Flask, shop: Shop) -> Iterator[Page]:
    """What is looked at before something is done, at this shop."""
    for endpoint, form in _BEFOREHAND.items():
        with app.test_request_context():
            yield Page(endpoint, url_for(endpoint, shop_id=shop.id), form)


def is_page(rule: Rule) -> bool:
    """Whether this is a page that staff open."""
    named = rule.endpoint.partition(".")[0] == "admin" and ROUTES.get(rule.endpoint, NOBODY) != NOBODY
    return named and "GET" in (rule.methods or ())


def signed_in(app: Flask, deps: Any) -> FlaskClient:
    """The browser of an owner."""
    browser = app.test_client()
    with transaction(deps.engine) as connection:
        owner = accounts.add(
            connection, "owner@bench.example", "a long enough password", OWNER, None, actor="cli", now=deps.clock.now()
        )
        token = sessions.start(connection, owner, deps.clock.machine())
    with browser.session_transaction() as held:
        held[visiting.TOKEN] = token
    return browser


def measure(
    browser: FlaskClient, few: Sequence[Page], rounds: int, many: Sequence[Page]
) -> dict[str, tuple[list[float], list[float]]]:
    """{page: (seconds at the small shop, seconds at the large one)}, asked in turn."""
    there = {page.name: page for page in many}
    found: dict[str, tuple[list[float], list[float]]] = {}
    for page in few:
        if page.name not in there:
            continue
        times: tuple[list[float], list[float]] = [], []
        for number in range(rounds + 3):
            for kept, one in zip(times, (page, there[page.name]), strict=True):
                began = monotonic()
                answer = browser.get(one.path) if one.form is None else browser.post(one.path, data=dict(one.form))
                took = monotonic() - began
                if answer.status_code >= 400:
                    raise RuntimeError(f"{one.path} answered {answer.status_code}: {answer.text[:500]}")
                # What a first look compiles and loads is nobody's page.
                if number >= 3:
                    kept.append(took)
        found[page.name] = times
        say(f"{page.name}: {p95(times[0]) * 1000:.1f} ms, {p95(times[1]) * 1000:.1f} ms of many")
    return found


def judged(found: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> dict[str, Any]:
    """The figures: p95 in milliseconds of each page and how many times that of the small shop it is."""
    pages = {
        name: {
            "p95_ms": round(p95(many) * 1000, 1),
            "p95_ms_of_few": round(p95(few) * 1000, 1),
            "times": round(p95(many) / p95(few), 2),
        }
        for name, (few, many) in found.items()
    }
    worst = max(pages, key=lambda name: pages[name]["times"])
    times = pages[worst]["times"]
    return {"pages": pages, "worst": worst, "times": times, "aim": {"times": AIM}, "met": times <= AIM}


def waited(found: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> dict[str, Any]:
    """The p95 in milliseconds of each at the large shop, and whether nobody waits for longer than ``WAITED``."""
    times = {name: round(p95(many) * 1000, 1) for name, (_, many) in found.items()}
    return {"p95_ms": times, "aim": {"seconds": WAITED}, "met": max(times.values()) <= WAITED * 1000}


def p95(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.95) - 1 if len(times) >= 20 else -1]
