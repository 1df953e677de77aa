"""Deliveries that used to come have stopped coming."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sync.alerts.kinds.kind import CRITICAL, Finding, Kind, Looking
from sync.alerts.rhythm import WINDOW, Rhythm, rhythms

# So many deliveries would have had to come by chance not to: once in 160,000 times.
_EXPECTED = 12.0
# Days on which something came, without which nothing is said to be usual.
_DAYS = 10
_DAY = timedelta(days=1)


def is_silent(rhythm: Rhythm, silence: timedelta) -> bool:
    """Whether so long a silence is unlike what came in the four weeks before it.

    Twelve should have come by now at the least, and it lasts for more than twice as many days as the longest gap of
    those weeks, and a day more: a shop that rests at weekends is not silent on a Monday morning.
    """
    allowed = _DAY * (1 + 2 * rhythm.longest_gap)
    expected = rhythm.deliveries / WINDOW.days * (silence / _DAY)
    return rhythm.days >= _DAYS and silence > allowed and expected >= _EXPECTED


def _look(look: Looking) -> Iterator[Finding]:
    sent = {one.date: one.figures.sent for one in look.emails}
    for rhythm in rhythms(look.connection, look.shop.id, look.now):
        if not is_silent(rhythm, look.now - rhythm.last_at):
            continue
        since = f"{rhythm.last_at:%Y-%m-%d %H:%M} UTC"
        if rhythm.source == "brevo":
            # Where nothing was sent there is nothing to tell.
            if sum(count for day, count in sent.items() if rhythm.last_at.date() < day < look.today) < _EXPECTED:
                continue
            sentence = (
                f"Brevo has told nothing of opens, clicks and opt-outs since {since}. Its statistics are read once a"
                " day instead, so they come late. Connect Brevo once more on the page Brevo: that sets up its webhook"
                " again."
            )
        elif rhythm.source == "shopify":
            sentence = (
                f"The store has sent no {rhythm.topic} since {since}, which used to come on {rhythm.days} days of 28."
                " What was missed is looked for by itself every 15 minutes: the page Gaps shows it. Look whether the"
                " app is still installed and may read this."
            )
        else:
            sentence = (
                f"Your own systems have sent no {rhythm.topic} since {since}, which used to come on {rhythm.days}"
                " days of 28. Look whether they still run and their API key is valid."
            )
        yield Finding(
            sentence,
            subject=f"{rhythm.source}:{rhythm.topic}",
            tone=CRITICAL,
            detail={"deliveries": rhythm.deliveries, "days": rhythm.days, "longest_gap": rhythm.longest_gap},
        )


SILENCE = Kind("silent_webhooks", "Deliveries have stopped", _look)
