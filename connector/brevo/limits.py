"""Brevo's rate limits: one sliding window per account and bucket, in Redis, shared by all workers.

A bucket starts from the published table of the account's tier (``buckets``) and is corrected by what answers say
(``headers``). We use a share of each limit and leave the rest to the merchant's other tools on the same account.
Windows run on the wire clock.

Why a window in slots and not a token bucket: a token bucket of capacity c and rate r lets c + r through in one
window, so staying below a limit for certain costs either the burst or the rate. Counting the last 16 slots and the
running one never lets more than the limit through in any window, allows all of it at once and costs 1/17 of the rate.

Without Redis every process limits itself to a quarter of the share: calls go on, and a 429 is harmless.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from redis import Redis
from redis.exceptions import RedisError

from connector.brevo.buckets import BUCKETS, LANES, SHARE, SLOTS, Lane, Limit, drain_seconds
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
        limit = BUCKETS[bucket].limit(tier)
        return self._window(_key(account, bucket), limit, self._share, LANES[lane], most, at_least)

    def grab_of_day(self, account: str, most: int, part: int, daily: int | None = None) -> Grant:
        """Up to ``most`` emails of the plan's day, of which ``part`` percent may be used up to now (see ``plan``).

        ``daily``: the merchant's own figure, None when the plan's counts, if it has any.
        """
        limit = Limit(_UNLIMITED if daily is None else daily, DAY_SECONDS)
        return self._window(_key(account, DAY), limit, 1.0, Lane(0, part), most, 1)

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
        table = BUCKETS[bucket].limit(tier)
        try:
            calls, seconds, at = self._redis.hmget(_key(account, bucket), ["limit", "per", "told"])
        except RedisError:
            return table
        if calls is None or seconds is None or at is None or self._clock.wire() - float(at) >= MEMORY:
            return table
        return Limit(float(calls), float(seconds))

    def drain_seconds(
        self, account: str, bucket: str, calls: int, *, tier: str = "general", lane: str = "live"
    ) -> float:
        """How long ``calls`` waiting calls will take at the limit that the bucket goes by (see ``buckets``)."""
        limit = self.limit(account, bucket, tier=tier)
        return self.blocked(account, bucket) + drain_seconds(calls, limit, share=self._share, lane=lane)

    def _window(self, key: str, limit: Limit, share: float, lane: Lane, most: int, at_least: int) -> Grant:
        now = self._clock.wire()
        asked = (now, limit.calls, limit.seconds, round(share * 100), lane.part, lane.rank, most, at_least)
        try:
            granted, wait, slot, calls, seconds, learned_at = self._grab(
                keys=[key], args=[*map(repr, asked), SLOTS, MEMORY, _LIFE_SECONDS]
            )
        except RedisError:
            return self._grab_locally(key, limit, share * _LOCAL_SHARE, lane, most, at_least, now)
        self._held[key] = (Limit(float(calls), float(seconds)), float(learned_at))
        return Grant(int(granted), float(wait), int(slot))

    def _grab_locally(
        self, key: str, limit: Limit, share: float, lane: Lane, most: int, at_least: int, now: float
    ) -> Grant:
        if (blocked := self._blocked.get(key, 0.0)) > now:
            return Grant(0, blocked - now)
        usable = max(1, limit.ours(share) * lane.part // 100)
        with self._guard:
            made = self._made.setdefault(key, deque())
            while made and made[0] <= now - limit.seconds:
                made.popleft()
            free = usable - len(made)
            if free < min(at_least, usable):
                return Grant(0, made[0] + limit.seconds - now)
            granted = min(most, free)
            made.extend([now] * granted)
            return Grant(granted)


def _key(account: str, bucket: str) -> str:
    return f"brevo:limit:{account}:{bucket}"


def _closed_for(headers: Mapping[str, str], limit: Limit) -> float:
    """Seconds to the end of the window. A ``reset`` may be rounded down: at least a second, if windows have one."""
    if "x-sib-ratelimit-reset" not in headers:
        return min(limit.seconds, _UNTOLD_RESET)
    return max(reset_seconds(headers), min(limit.seconds, 1.0))
