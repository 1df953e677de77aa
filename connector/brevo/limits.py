"""Brevo's rate limits: one sliding window per account and bucket, in Redis, shared by all workers.

A bucket starts from the published table of the account's tier (``buckets``) and is corrected by what answers say
(``headers``). We use a share of each limit and leave the rest to the merchant's other tools on the same account.
Windows run on the wire clock.

Why a window in slots and not a token bucket: a token bucket of capacity c and rate r lets c + r through in one
window, so staying below a limit for certain costs either the burst or the rate. Counting the last 16 slots and the
running one never lets more than the limit through in any window, allows all of it at once and costs 1/17 of the rate
(of an hourly limit, which bulk work waits for, it is 60 slots and 1/61).

Without Redis every process limits itself to a quarter of the share: calls go on, and a 429 is harmless.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from connector.brevo.buckets import (
    BUCKETS,
    FEW_CALLS,
    FINE_SLOTS,
    LANES,
    LONG_WINDOW,
    SHARE,
    SLOTS,
    Limit,
    Room,
)
from connector.brevo.headers import Hearsay, Told, believed, reset_seconds, told
from connector.brevo.window import GIVE_BACK, GRAB, TELL
from connector.clock import Clock

MEMORY = 86400.0
"""Wire seconds for which a learned limit is held without being told again; then the table counts."""
DAY, DAY_SECONDS = "email_day", 86400.0
"""The bucket of the plan's daily emails. When Brevo's day begins is not documented, so it is any 24 hours."""
_UNLIMITED = 1_000_000_000
_LOCAL_SHARE = 0.25
# Machine time. What an idle bucket has learned is learned again from the next answer.
_LIFE_SECONDS = 2 * 86400
# A 429 that does not say when its window ends: a whole window, but of an hourly one this much, then one call tells.
_UNTOLD_RESET = 300.0


@dataclass(frozen=True)
class Grant:
    """``calls`` that may be made now; when none, ``wait`` seconds until it is worth asking again."""

    calls: int
    wait: float = 0.0
    slot: int = 0


class Limiter:
    """Grants calls. All times that come in and go out are seconds on the wire clock."""

    def __init__(self, redis: Redis, clock: Clock, *, share: float = SHARE) -> None:
        self._redis = redis
        self._clock = clock
        self._share = share
        self._grab = redis.register_script(GRAB)
        self._give_back = redis.register_script(GIVE_BACK)
        self._tell = redis.register_script(TELL)
        self._guard = Lock()
        # By key: the limit that the bucket went by when this process last asked, and when it was told (0: the
        # table's); what answers said that is not believed yet; calls and blocks for when Redis is away.
        self._held: dict[str, tuple[Limit, float]] = {}
        self._hearsay: dict[str, Hearsay | None] = {}
        self._made: dict[str, deque[float]] = {}
        self._blocked: dict[str, float] = {}

    def grab(
        self,
        account: str,
        bucket: str,
        most: int,
        *,
        at_least: int = 1,
        tier: str = "general",
        lane: str = "live",
    ) -> Grant:
        """Up to ``most`` calls, none when fewer than ``at_least`` are free for this lane (see LANES)."""
        table, asks = BUCKETS[bucket], LANES[lane]
        part = asks.part_of(table)
        return self._window(_key(account, bucket), table.limit(tier), self._share, part, asks.rank, most, at_least)

    def grab_of_day(self, account: str, most: int, part: int, daily: int | None = None) -> Grant:
        """Up to ``most`` emails of the plan's day, of which ``part`` percent may be used up to now (see ``plan``).

        ``daily``: the merchant's own figure, None when the plan's counts, if it has any.
        """
        limit = Limit(_UNLIMITED if daily is None else daily, DAY_SECONDS)
        return self._window(_key(account, DAY), limit, 1.0, part, 0, most, 1)

    def tell_day(self, account: str, daily: int | None, left: int) -> None:
        """Brevo says (or our own log, after Redis was emptied) that this much of the day is left.

        ``daily``: what the plan allows in a day, None when it is not known.
        """
        now = repr(self._clock.wire())
        values: list[str | int | float] = ["left", left, "left_told", now]
        if daily is not None:
            values += ["limit", daily, "per", DAY_SECONDS, "told", now]
        try:
            self._tell(keys=[_key(account, DAY)], args=["0", _LIFE_SECONDS, *values])
        except RedisError:
            return

    def first_in_an_hour(self, account: str) -> bool:
        """Whether nobody has asked this about the account in the last hour of machine time."""
        try:
            return bool(self._redis.set(f"brevo:plan:{account}", 1, nx=True, ex=3600))
        except RedisError:
            return False

    def give_back(self, account: str, bucket: str, grant: Grant, calls: int) -> None:
        """Return ``calls`` of a grant that were not made. Best effort: a lost one is a call not used."""
        if calls <= 0 or not grant.slot:
            return
        try:
            self._give_back(keys=[_key(account, bucket)], args=[f"s{grant.slot}", calls])
        except RedisError:
            return

    def blocked(self, account: str, bucket: str) -> float:
        """Seconds for which nobody may call: after a 429, or because what is left is the others'.

        For right before a call: a grant may be older than the 429 that another worker got.
        """
        key = _key(account, bucket)
        try:
            until = float(self._redis.hget(key, "blocked") or 0)
        except RedisError:
            until = self._blocked.get(key, 0.0)
        return max(0.0, until - self._clock.wire())

    def observe(
        self, account: str, bucket: str, status: int, headers: Mapping[str, str], *, tier: str = "general"
    ) -> None:
        """Learn from an answer (``headers`` in lower case).

        * After a 429, or with less left than the share that is not ours (somebody else is using it), there is
          nothing more until the window that the answer names has ended.
        * What it says of the limit is believed as ``headers`` describes, and forgotten after MEMORY.
        """
        self._count(account, bucket)
        key, now, said = _key(account, bucket), self._clock.wire(), told(headers)
        limit, learned_at = self._held.get(key, (BUCKETS[bucket].limit(tier), 0.0))
        blocked = 0.0
        if status == 429 or (said is not None and said.remaining < said.limit * (1 - self._share) - 1e-9):
            blocked = now + _closed_for(headers, limit)
            self._blocked[key] = blocked
        changes = self._lesson(key, bucket, limit, learned_at, said, now) if said is not None else None
        if not blocked and changes is None:
            return
        values = [item for pair in (changes or {}).items() for item in pair]
        try:
            self._tell(keys=[key], args=[repr(blocked), _LIFE_SECONDS, *values])
        except RedisError:
            return

    def _count(self, account: str, bucket: str) -> None:
        try:
            self._redis.hincrby(_answered(account), bucket, 1)
        except RedisError:
            return

    def answered(self, account: str) -> dict[str, int]:
        """{bucket: calls that were answered} since Redis was last emptied, for telling how many something took."""
        try:
            counted = cast(dict[bytes, bytes], self._redis.hgetall(_answered(account)))
        except RedisError:
            return {}
        return {bucket.decode(): int(count) for bucket, count in counted.items()}

    def _lesson(
        self, key: str, bucket: str, limit: Limit, learned_at: float, said: Told, now: float
    ) -> Mapping[str, str] | None:
        """What to write down of the limit that was told; None when nothing is new."""
        belief, self._hearsay[key] = believed(BUCKETS[bucket], limit, said, self._hearsay.get(key), now)
        if belief is None:
            return None
        if belief == limit and (not learned_at or now - learned_at < MEMORY / 4):
            return None
        self._held[key] = (belief, now)
        return {"limit": repr(belief.calls), "per": repr(belief.seconds), "told": repr(now)}

    def limit(self, account: str, bucket: str, *, tier: str = "general") -> Limit:
        """The limit that the bucket goes by: learned, or the table's."""
        learned = self.learned(account, bucket)
        return BUCKETS[bucket].limit(tier) if learned is None else learned[0]

    def learned(self, account: str, bucket: str) -> tuple[Limit, float] | None:
        """The limit that answers have told, and how many wire seconds ago; None when the table counts."""
        try:
            calls, seconds, at = self._redis.hmget(_key(account, bucket), ["limit", "per", "told"])
        except RedisError:
            return None
        if calls is None or seconds is None or at is None or (age := self._clock.wire() - float(at)) >= MEMORY:
            return None
        return Limit(float(calls), float(seconds)), age

    def drain_seconds(
        self, account: str, bucket: str, calls: int, *, tier: str = "general", lane: str = "live"
    ) -> float:
        """How long ``calls`` waiting calls will take at the limit that the bucket goes by (see ``buckets``)."""
        return self.room(account, bucket, tier=tier, lane=lane).seconds_for(calls)

    def room(self, account: str, bucket: str, *, tier: str = "general", lane: str = "live") -> Room:
        """What the bucket leaves this lane from now on, at the limit that it goes by."""
        whole = self.limit(account, bucket, tier=tier).ours(self._share)
        pace = whole.part(LANES[lane].part_of(BUCKETS[bucket]))
        now = self._clock.wire()
        leaving = []
        for slot, calls in self._counted(account, bucket).items():
            away = (slot + whole.slots + 1) * whole.seconds / whole.slots - now
            if away > 0 and calls > 0:
                leaving.append((away, calls))
        return Room(pace, self.blocked(account, bucket), tuple(sorted(leaving)))

    def _counted(self, account: str, bucket: str) -> dict[int, int]:
        """{slot: calls granted in it}; slots of before a change of the window are forgotten with the next grant."""
        try:
            told = self._redis.hgetall(_key(account, bucket))
        except RedisError:
            return {}
        fields = {(name.decode() if isinstance(name, bytes) else name): value for name, value in told.items()}
        return {int(name[1:]): int(value) for name, value in fields.items() if name[0] == "s" and name[1:].isdigit()}

    def _window(self, key: str, limit: Limit, share: float, part: int, rank: int, most: int, at_least: int) -> Grant:
        now = self._clock.wire()
        asked = (now, limit.calls, limit.seconds, round(share * 100), part, rank, most, at_least)
        try:
            granted, wait, slot, calls, seconds, learned_at = self._grab(
                keys=[key], args=[*map(repr, asked), SLOTS, FINE_SLOTS, LONG_WINDOW, FEW_CALLS, MEMORY, _LIFE_SECONDS]
            )
        except RedisError:
            return self._grab_locally(key, limit, share * _LOCAL_SHARE, part, most, at_least, now)
        self._held[key] = (Limit(float(calls), float(seconds)), float(learned_at))
        return Grant(int(granted), float(wait), int(slot))

    def _grab_locally(
        self, key: str, limit: Limit, share: float, part: int, most: int, at_least: int, now: float
    ) -> Grant:
        if (blocked := self._blocked.get(key, 0.0)) > now:
            return Grant(0, blocked - now)
        pace = limit.ours(share).part(part)
        with self._guard:
            made = self._made.setdefault(key, deque())
            while made and made[0] <= now - pace.seconds:
                made.popleft()
            free = pace.calls - len(made)
            if free < min(at_least, pace.calls):
                return Grant(0, made[0] + pace.seconds - now)
            granted = min(most, free)
            made.extend([now] * granted)
            return Grant(granted)


def _key(account: str, bucket: str) -> str:
    return f"brevo:limit:{account}:{bucket}"


def _answered(account: str) -> str:
    return f"brevo:answered:{account}"


def _closed_for(headers: Mapping[str, str], limit: Limit) -> float:
    """Seconds to the end of the window. A ``reset`` may be rounded down: at least a second, if windows have one."""
    if "x-sib-ratelimit-reset" not in headers:
        return min(limit.seconds, _UNTOLD_RESET)
    return max(reset_seconds(headers), min(limit.seconds, 1.0))
