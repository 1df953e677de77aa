"""How fast one worker sends what waits in the outbox, beside the least that sending takes.

Cart emails that are due are claimed, judged by the gate, rendered, sent and recorded in this process, as a worker does
it, while the product's own workers stand still. The baseline sends as many emails of the same size through the SDK
alone: one client, one call after the other, nothing asked before and nothing written down afterwards. Both go to the
same simulated provider, in turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from statistics import median
from time import process_time
from typing import Any

import httpx
from brevo import Brevo
from sqlalchemy import TextClause, text

from benchmarks import inbox
from benchmarks.backlog import UNBOUND
from benchmarks.progress import say
from benchmarks.stage import Stage, account_of
from connector.clock import monotonic, pause
from connector.db.session import transaction
from connector.shops import Shop, load
from connector.work import work_of

AIM = 0.3
ROUNDS = 5
# Sent before anything is measured: by then statements are compiled and prepared, and messages compiled.
_WARM_UP = 64
# A round sends whole batches: what it sends beyond its share is lacking in none of those that follow.
_SPARE = 64 * ROUNDS
# Seconds since the checkout's last change: its first email is due, and of use for some hours more.
_LEFT_FOR = 3_700.0
_PATIENCE = 120.0
_DUE = text("SELECT count(*) FROM outbox WHERE state = 'due'")
_SENT = text("SELECT count(*) FROM outbox WHERE state = 'sent'")


def run(messages: int) -> dict[str, Any]:
    """Emails per second, for ``messages`` emails of each contestant."""
    each = messages // ROUNDS
    count = each * ROUNDS + _WARM_UP + _SPARE
    with Stage(shops=1, customers=count, wire_rate=UNBOUND) as stage, stage.workers_held():
        shop = _due_emails(stage, count)
        _dispatch(stage, shop, _WARM_UP)
        with httpx.Client(timeout=10.0) as client:
            bare = _bare(stage, client)
            bare(_WARM_UP)
            rounds = [
                (_timed(stage, each, bare), _timed(stage, each, lambda count: _dispatch(stage, shop, count)))
                for _ in range(ROUNDS)
            ]
    (ours, its) = (_figures([pair[place] for pair in rounds], each) for place in (1, 0))
    ratio = round(ours["emails_per_second"] / its["emails_per_second"], 3)
    say(f"  {ours['emails_per_second']}/s through the outbox, {its['emails_per_second']}/s bare: {ratio}")
    return {
        "emails": each * ROUNDS,
        "outbox": ours,
        "baseline": {"what": "the SDK alone, one shared client, one call after the other", **its},
        "ratio": ratio,
        "aim": {"ratio": AIM},
        "met": ratio >= AIM,
    }


def _due_emails(stage: Stage, count: int) -> Shop:
    """So many people have left a checkout an hour ago; their emails are in the outbox, due."""
    (shoppers,), now = stage.shoppers(), datetime.now(UTC)
    with transaction(stage.deps.engine) as connection:
        shop = load(connection, stage.shop_ids[stage.domains[0]])
    left_at = float(int(now.timestamp() - _LEFT_FOR))
    inbox.fill(stage, (shoppers.leave_cart(left_at) for _ in range(count)), now)
    deadline = monotonic() + _PATIENCE
    while _count(stage, _DUE) < count:
        for kind in ("intake", "fetch", "flows"):
            while work_of(kind)(stage.deps, shop).more:
                pass
        if monotonic() > deadline:
            raise RuntimeError(f"{_count(stage, _DUE)} of {count} emails are due; {inbox.left(stage)} left")
        pause(0.1)
    return shop


def _dispatch(stage: Stage, shop: Shop, count: int) -> None:
    """Send at least ``count`` of what is due."""
    deadline, wanted = monotonic() + _PATIENCE, _count(stage, _SENT) + count
    while _count(stage, _SENT) < wanted:
        work_of("deliver")(stage.deps, shop)
        if monotonic() > deadline:
            raise RuntimeError(f"{wanted - _count(stage, _SENT)} emails do not leave")


def _count(stage: Stage, query: TextClause) -> int:
    with transaction(stage.deps.engine) as connection:
        return int(connection.scalar(query) or 0)


def _bare(stage: Stage, client: httpx.Client) -> Callable[[int], None]:
    """Sends a copy of an email that the product has sent so many times."""
    like = stage.provider("log?since=0&kind=email")["entries"][0]
    key, sender = account_of(stage.domains[0]), {"email": f"hello@{stage.domains[0]}", "name": "Bench"}
    sdk = Brevo(api_key=key, base_url=f"{stage.provider_url}/v3", httpx_client=client, max_retries=0)

    def send(count: int) -> None:
        for _ in range(count):
            sdk.transactional_emails.send_transac_email(
                sender=sender,
                to=[{"email": like["to"]}],
                subject=like["subject"],
                html_content=like["html"],
                text_content=like["text"],
                tags=like["tags"],
            )

    return send


def _timed(stage: Stage, count: int, send: Callable[[int], None]) -> dict[str, float]:
    before, python, began = stage.cpu(), process_time(), monotonic()
    _, log = stage.requests_since(0)
    send(count)
    seconds, python, after = monotonic() - began, process_time() - python, stage.cpu()
    calls = [one for one in stage.requests_since(log)[0] if one["path"].endswith("/smtp/email")]
    return {
        "emails": len(calls),
        "seconds": seconds,
        "python": python,
        "postgres": after["postgres"] - before["postgres"],
        "provider": after["provider"] - before["provider"],
    }


def _figures(rounds: Iterable[dict[str, float]], wanted: int) -> dict[str, Any]:
    """The median of the rounds; processor milliseconds for one email."""
    taken = list(rounds)
    short = [one["emails"] for one in taken if one["emails"] < wanted]
    if short:
        raise RuntimeError(f"the provider saw {short} of {wanted} emails")

    def each(what: str) -> float:
        return round(1000 * median(one[what] / one["emails"] for one in taken), 3)

    return {
        "emails_per_second": round(median(one["emails"] / one["seconds"] for one in taken), 1),
        "python_cpu_ms": each("python"),
        "postgres_cpu_ms": each("postgres"),
        "provider_cpu_ms": each("provider"),
    }
