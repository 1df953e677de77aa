"""What an action is: an effect outside that is no message, done once however often it has to be tried."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from connector.db.any_row import AnyRow
from connector.deps import Deps
from connector.errors import Refused
from connector.scope import Scope
from connector.shops import Shop
from flows.actions.records import Records
from flows.core.model import FlowVersion

PROVIDER = "shopify"
Prepared = Mapping[str, Any]
Result = Mapping[str, Any]


class NotDone(Refused):
    """It is not done, and the flow goes on without. ``reason``: a code of the trail."""

    def __init__(self, reason: str, sentence: str = "") -> None:
        super().__init__(PROVIDER, sentence or reason)
        self.reason = reason


class NotYet(Exception):
    """It can be done later: asked again in so many business ``seconds``, for which ``reason`` is shown."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds


def _nothing_known() -> Mapping[str, Any]:
    return {}


def _anything(messages: Collection[str]) -> bool:
    return True


@dataclass(frozen=True)
class Task:
    """``row``: of the outbox, whose ``data`` says what is wanted; ``flow``: the version that wants it. ``facts()``:
    what is known of the person, the shop, and of what the run has with it (``event``, ``coupon``); read when it is
    asked for. ``may_get(messages)``: whether one of these messages of the flow may be sent to the person now, as far as
    that hangs on them alone. ``kept``: see ``records``.
    """

    row: AnyRow
    flow: FlowVersion
    facts: Callable[[], Mapping[str, Any]] = _nothing_known
    may_get: Callable[[Collection[str]], bool] = _anything
    kept: Records | None = None

    @property
    def records(self) -> Records:
        """What is kept of people beside flows. Raises LookupError where nobody has brought it."""
        if self.kept is None:
            raise LookupError("an action that changes records needs them: see connector.work")
        return self.kept


@dataclass(frozen=True)
class Action:
    """An action is tried in three moves, of which the middle one may happen again after any death or silence.

    ``prepare(scope, task)``: under the person's lock, writes down whatever makes a second try the same as the first.
    Raises NotDone, NotYet.
    ``act(deps, shop, prepared)``: with no transaction open. What an earlier try may have left outside is adopted.
    Raises ProviderError, NotDone. Returns what ``record`` needs.
    ``record(scope, prepared, done)``: under the person's lock again. Returns what the flow is told (JSON). Raises
    NotDone before it has written anything. ``prepared`` then says besides whose it is now (``person_id``) and whether
    it was settled meanwhile (``settled``): what is done here alone is then not done.

    ``repeats``: trying again does no harm. Without it what nobody knows the outcome of is not done a second time, and
    the flow goes on without, for the reason ``no_answer``.
    """

    name: str
    prepare: Callable[[Scope, Task], Prepared]
    act: Callable[[Deps, Shop, Prepared], Mapping[str, Any]]
    record: Callable[[Scope, Prepared, Mapping[str, Any]], Result]
    repeats: bool = True
