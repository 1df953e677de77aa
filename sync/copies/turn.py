"""One turn of telling Brevo: claims in hand, calls taken from the limiter, endings written down one by one.

* Calls are taken before records are read, so that changes made while a call waits for the limiter join it.
* ``sent_version`` becomes the version that was *read*. If more is wanted by then, the record is due again.
* No transaction is open during a call. An ending is written right after its call: a worker that dies repeats one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial

from connector import pauses
from connector.backoff import backoff
from connector.brevo.client import BrevoAccount
from connector.brevo.limits import Grant
from connector.clock import monotonic, pause
from connector.crashpoints import reach
from connector.db.session import autocommitted, transaction
from connector.deps import Deps
from connector.errors import ActionNeeded, ProviderError, RateLimited, Refused
from connector.logging import get
from connector.scope import scoped
from connector.shops import Shop
from sync.copies import claims
from sync.copies.claims import Ending
from sync.copies.resource import Also, Claim, Read, Resource, Snapshot

# What goes wrong inside of us when a record holds what nobody thought of.
DEFECTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

# What waits for an hourly limit is not looked at every second, but every minute. Machine seconds.
_LONG, _LONGEST_REST = 2.0, 60.0

log = get(__name__)


class Interrupted(Exception):
    """A call failed in a way that the next one would likely meet too. ``everywhere``: whatever the next one is.

    ``only_here``: it was a question of this resource alone, which others have no need of.
    """

    def __init__(self, error: ProviderError, *, only_here: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        only_here = only_here or isinstance(error, RateLimited)
        self.everywhere = not only_here and not (isinstance(error, ActionNeeded) and error.status == 403)


CallsOf = Callable[[Sequence[Snapshot]], list[Callable[[], None]]]
"""The calls that bring these snapshots to Brevo together."""


class Turn:
    """What a resource works with while it is its turn. ``again``: there is more that can be done soon.

    ``rest``: machine seconds for which there is no call for what is left. ``accepted``: Brevo has taken something.
    """

    def __init__(
        self, deps: Deps, shop: Shop, resource: Resource, held: Sequence[Claim], last_start: float, *, begun: bool
    ) -> None:
        """After ``last_start`` (monotonic) no call is begun: its answer could come when the lease has ended. The very
        first always goes; ``begun``: it was another turn's.
        """
        self.deps = deps
        self.shop = shop
        self.resource = resource
        self.again = False
        self.rest = 0.0
        self.accepted = False
        self._open = {one.entity_id: one for one in held}
        self._last_start = last_start
        self.begun = begun
        self._grants: dict[str, tuple[Grant, int]] = {}
        self._wait_for_call = 0.0

    @cached_property
    def account(self) -> BrevoAccount:
        return self.deps.brevo(self.shop)

    @property
    def left(self) -> list[Claim]:
        """Claims of which nothing has become yet."""
        return list(self._open.values())

    # Calls

    def calls(self, bucket: str, most: int, *, at_least: int = 1, lane: str = "live") -> int:
        """How many calls of up to ``most`` may be made now. 0 ends the turn: others do not wait while we would."""
        held = self._grants.get(bucket)
        if held is not None and held[1] >= at_least:
            return min(held[1], most)
        if self.begun and monotonic() > self._last_start:
            return 0
        self._give_back(bucket)
        grant = self.account.grab(bucket, most, at_least=at_least, lane=lane)
        if grant.calls:
            self._grants[bucket] = (grant, grant.calls)
        else:
            # Up to LONG the sweeper's next look is soon enough.
            self.rest = max(self.rest, min(grant.wait, _LONGEST_REST) if grant.wait > _LONG else 0.0)
        self._wait_for_call = grant.wait
        return grant.calls

    def await_call(self, bucket: str, until: float, *, lane: str) -> bool:
        """Have one call, waiting for it until then (monotonic). Only where nobody waits behind this turn."""
        while not self.calls(bucket, 1, lane=lane):
            if monotonic() + self._wait_for_call > until:
                self.again = self.again or self._wait_for_call <= _LONG
                return False
            pause(self._wait_for_call)
        return True

    def use(self, bucket: str) -> bool:
        """Use one of the calls that were granted; False when it is too late to begin one. The first always goes."""
        if self.begun and monotonic() > self._last_start:
            self.again = True
            return False
        grant, left = self._grants[bucket]
        self._grants[bucket] = (grant, left - 1)
        self.begun = True
        return True

    def close(self) -> None:
        """Return the calls that were not made."""
        for bucket in list(self._grants):
            self._give_back(bucket)

    def _give_back(self, bucket: str) -> None:
        grant, left = self._grants.pop(bucket, (None, 0))
        if grant is not None and left:
            self.account.give_back(bucket, grant, left)

    # Records

    def read(self, read: Read, held: Sequence[Claim]) -> list[Snapshot]:
        """What there is to send of these claims; the others are ended or put aside here."""
        try:
            with autocommitted(self.deps.engine) as connection:
                found = read(connection, self.shop, held)
        except DEFECTS as error:
            if len(held) == 1:
                self._defective(held[0], error)
                return []
            return [snapshot for one in held for snapshot in self.read(read, [one])]
        sendable, settled, waiting = [], [], []
        for one in held:
            snapshot = found.get(one.entity_id) or Snapshot(one, one.wanted_version, nothing="gone")
            if snapshot.nothing is None:
                sendable.append(snapshot)
            elif snapshot.waits_for is not None:
                waiting.append(snapshot)
            elif snapshot.also is None:
                state = "failed" if snapshot.held_back else "done"
                settled.append((one, Ending(state, snapshot.version, self._machine, reason=snapshot.nothing)))
            else:
                ending = Ending("done", snapshot.version, self._machine, reason=snapshot.nothing)
                self._end(one, ending, snapshot.also)
        self._wait(waiting)
        self._end_all(settled)
        return sendable

    def tell(self, bucket: str, snapshot: Snapshot, call: Callable[[], str | None]) -> bool:
        """Make the one call that brings this snapshot to Brevo, and write down what became of it.

        ``call`` answers a note for staff, or None. Returns False when it is too late to begin it; raises Interrupted.
        """
        if not self.use(bucket):
            return False
        try:
            note = call()
        except DEFECTS as error:
            self._defective(snapshot.claim, error)
        except Refused as error:
            self.refused(snapshot, error)
        except ProviderError as error:
            self.postpone(snapshot, error)
            raise Interrupted(error) from error
        else:
            self.sent(snapshot, note)
        return True

    def tell_together(self, bucket: str, group: Sequence[Snapshot], calls_of: CallsOf, *, lane: str = "live") -> bool:
        """Bring several snapshots to Brevo at once; False when there are no calls or no time left for it.

        When Brevo refuses, it does not say whose fault it is: the halves are told apart until it is found. Raises
        Interrupted.
        """
        calls = calls_of(group)
        if self.calls(bucket, len(calls), at_least=len(calls), lane=lane) < len(calls):
            return False
        try:
            for call in calls:
                if not self.use(bucket):
                    return False
                call()
        except (Refused, *DEFECTS) as error:
            if len(group) == 1:
                if isinstance(error, Refused):
                    self.refused(group[0], error)
                else:
                    self._defective(group[0].claim, error)
                return True
            middle = len(group) // 2
            halves = group[:middle], group[middle:]
            return all(self.tell_together(bucket, half, calls_of, lane=lane) for half in halves)
        except ProviderError as error:
            self.postpone(group[0], error)
            raise Interrupted(error) from error
        self._told()
        self._end_all([(one.claim, self._done(one.version)) for one in group])
        return True

    def sent(
        self,
        snapshot: Snapshot,
        note: str | None = None,
        *,
        version: int | None = None,
        also: Also | None = None,
    ) -> None:
        """Brevo has the snapshot, or it up to ``version``. ``also`` is written with that."""
        self._told()
        self._end(snapshot.claim, self._done(snapshot.version if version is None else version, note), also)

    def _told(self) -> None:
        reach("t5.told")
        self.accepted = True

    def _done(self, version: int, note: str | None = None) -> Ending:
        window = self.deps.settings.contact_coalesce_seconds if self.resource.coalesced else 0.0
        again = self._machine + timedelta(seconds=window)
        return Ending("done", version, again, sent=version, reason=note)

    def refused(self, snapshot: Snapshot, error: ProviderError) -> None:
        """Brevo will not take this; a newer version is another request, which it may take."""
        self._end(snapshot.claim, Ending("failed", snapshot.version, self._machine, reason=str(error)))

    def postpone(self, snapshot: Snapshot, error: ProviderError, *, sent: int = 0, also: Also | None = None) -> None:
        """Nothing is wrong with the record: again after its back-off. ``sent``: how far Brevo has it already.
        ``also`` is written with that.
        """
        held = snapshot.claim
        wait = backoff(self.deps.settings.retry_seconds, held.attempts, error)
        attempts = held.attempts + (0 if isinstance(error, RateLimited) else 1)
        due = self._machine + timedelta(seconds=wait)
        self._end(held, claims.again(held, due, attempts=attempts, reason=str(error), sent=sent), also)
        if isinstance(error, ActionNeeded) and error.status == 401:
            with (
                transaction(self.deps.engine) as connection,
                scoped(connection, self.shop, self.deps.clock, self.deps.settings) as scope,
            ):
                pauses.start(scope, pauses.ACCOUNT, error)

    def _defective(self, held: Claim, error: Exception) -> None:
        """We cannot make a request of this record. It is said and left, so that it holds up nobody."""
        name = type(error).__name__
        log.error("record_defective", shop_id=self.shop.id, entity=held.entity, id=held.entity_id, error=name)
        self._end(held, Ending("failed", held.wanted_version, self._machine, reason=f"cannot be sent: {name}: {error}"))

    @property
    def _machine(self) -> datetime:
        return self.deps.clock.machine()

    def _wait(self, waiting: Sequence[Snapshot]) -> None:
        """In one statement: in bulk a thousand may have to wait, of whom each took a commit of its own."""
        if not waiting:
            return
        with autocommitted(self.deps.engine) as connection:
            claims.wait_for_contact(connection, self.shop, waiting, self._machine)
        for one in waiting:
            self._open.pop(one.claim.entity_id, None)

    def _end_all(self, ended: Sequence[tuple[Claim, Ending]]) -> None:
        """Many endings in one statement, unless others wait to hear of them."""
        if self.resource.settled is not None or len(ended) < 2:
            for held, ending in ended:
                self._end(held, ending)
            return
        again = max(ending.again for _, ending in ended)
        with transaction(self.deps.engine) as connection:
            claims.end_all(connection, self.shop, ended, again)
        for held, _ in ended:
            self._open.pop(held.entity_id, None)

    def _end(self, held: Claim, ending: Ending, also: Also | None = None) -> None:
        settled = self.resource.settled if held.first and ending.state != "due" else None
        if settled is None:
            with autocommitted(self.deps.engine) as connection:
                claims.end(connection, self.shop, held, ending, also)
        else:
            # One transaction, or who dies in between leaves others waiting for ever. Two statements, because the
            # wake has to see what was committed while the ending waited for the record's row: who is about to wait
            # for our word holds it until then (claims.wait_for_contact). One statement would look only as of its
            # beginning.
            with transaction(self.deps.engine) as connection:
                claims.end(connection, self.shop, held, ending, also)
                self.again = settled(connection, self.shop, held.entity_id, self._machine) or self.again
                reach("t5.recorded")
        self._open.pop(held.entity_id, None)


def one_by_one(
    bucket: str, read: Read, call: Callable[[Turn, Snapshot], str | None], *, lane: str = "live"
) -> Callable[[Turn, Sequence[Claim]], None]:
    """How records are sent that take one call each."""

    def send(turn: Turn, held: Sequence[Claim]) -> None:
        waiting = list(held)
        while waiting and (granted := turn.calls(bucket, len(waiting), lane=lane)):
            now, waiting = waiting[:granted], waiting[granted:]
            for snapshot in turn.read(read, now):
                if not turn.tell(bucket, snapshot, partial(call, turn, snapshot)):
                    return

    return send
