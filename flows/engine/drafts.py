"""Messages as they would leave now: written, and with all that the gate is asked about them but does not read itself.

For whoever is about to send them, and for whoever wants to know what would become of them. Nothing is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar

from connector.db.any_row import AnyRow
from connector.message_costs import cost, country_of_number
from connector.scope import Scope
from flows.channels import CHANNELS
from flows.channels.channel import Channel, Request, Withheld
from flows.content import variants
from flows.content.problems import ContentProblem
from flows.core.gate import Defer, Skip
from flows.core.model import FlowVersion
from flows.engine.asking import Known
from flows.engine.book import Book
from flows.engine.endings import Endings
from flows.engine.letters import NoAddress, Shortener, letter
from flows.engine.people import Person, load
from flows.engine.sources import Wanted, looks, profile
from flows.engine.sources import load as load_sources

T = TypeVar("T")


@dataclass(frozen=True)
class Written:
    """A message that may leave if the gate says so. ``cost``: in the shop's currency."""

    request: Request
    recipient: str
    links: Shortener
    segments: int
    cost: Decimal | None


@dataclass(frozen=True)
class Draft:
    """``written`` is None when it cannot be; ``known`` then says why."""

    flow: FlowVersion
    person: Person
    channel: Channel
    written: Written | None
    known: Known


def attempted(write: Callable[[], T]) -> tuple[T | None, str | None, Defer | Skip | None]:
    """What was written, or what the gate is to be told instead: why it cannot be filled in (``Known.render_problem``),
    or what the channel has against it (``channel_objects``)."""
    try:
        return write(), None, None
    except ContentProblem as error:
        return None, f"{error.code}: {error.sentence} ({error.where})", None
    except NoAddress:
        return None, "no_address", None
    except Withheld as withheld:
        why = {"why": withheld.sentence}
        if withheld.until is not None:
            return None, None, Defer(withheld.until, withheld.reason, why)
        return None, None, Skip(withheld.reason, why)


class Drafts:
    """Of a batch of outbox rows that are messages, on facts loaded once for all of them.

    ``waits``: {message id: business seconds} of those for which the plan's emails of the day are used up. ``people``:
    their persons, when the caller has loaded them already.
    """

    def __init__(
        self,
        scope: Scope,
        rows: Sequence[AnyRow],
        waits: Mapping[int, float] | None = None,
        people: Mapping[int, Person] | None = None,
    ) -> None:
        self._scope = scope
        self._waits = waits or {}
        self.book = Book(scope.connection, scope.shop_id)
        self._endings = Endings(scope, rows)
        self._runs = self._endings.runs
        keys = {run.key for run in self._runs.values() if run.key}
        who = sorted({row["person_id"] for row in rows})
        self._people = load(scope, who, tokens=keys) if people is None else people
        channels = [CHANNELS[name] for name in dict.fromkeys(row["channel"] for row in rows)]
        self._known = {channel.name: channel.know(scope, self._addresses(channel)) for channel in channels}
        self.wanted = self._wanted(rows)
        self._wanted_by_id = {one.id: one for one in self.wanted}

    def _wanted(self, rows: Sequence[AnyRow]) -> list[Wanted]:
        """The messages in the variant that is theirs."""
        of = {row["id"]: self.book.published(row["flow"], row["version"]).sources for row in rows}
        asking = {row["person_id"] for row in rows if variants.segments(of[row["id"]], row["message"])}
        asked = {person_id: person for person_id, person in self._people.items() if person_id in asking}
        members = profile.memberships(self._scope, asked) if asked else {}
        locale = self._scope.shop.settings["locale"]
        found = []
        for row in rows:
            person, sources = self._people.get(row["person_id"]), of[row["id"]]
            if person is not None:
                theirs = members.get(row["person_id"], {})
                name = variants.chosen(sources, row["message"], (person.row["locale"] or "", locale), theirs)
                found.append(Wanted(row["id"], person, self._runs[row["run_id"]], sources[name]))
        return found

    @cached_property
    def _shown(self) -> Mapping[int, dict[str, Any]]:
        """What they show, by message."""
        return load_sources(self._scope, self.wanted)

    def stale(self) -> set[looks.Goods]:
        """Of what they show, that of which the store may say something else by now."""
        hanging = {one.id for one in self.wanted if looks.hangs_on_the_store(one.source)}
        found = (looks.stale(self._shown[message_id], self._scope.now) for message_id in hanging)
        return {goods for several in found for goods in several}

    def _addresses(self, channel: Channel) -> set[str]:
        found = (channel.address(person.row) for person in self._people.values())
        return {address for address in found if address}

    def draft(self, row: AnyRow) -> Draft:
        """This row of them."""
        person = self._people[row["person_id"]]
        published = self.book.published(row["flow"], row["version"])
        channel = CHANNELS[row["channel"]]
        written, problem, objection = attempted(lambda: self._write(row, person, channel))
        wait = self._waits.get(row["id"])
        known = Known(
            exit_mark=self._endings.exit_mark(row["run_id"], published.flow),
            goal_reached=row["run_id"] in self._endings.goals,
            channel_objects=objection,
            render_problem=problem,
            daily_quota_until=self._scope.now + timedelta(seconds=wait) if wait is not None else None,
        )
        return Draft(published.flow, person, channel, written, known)

    def _write(self, row: AnyRow, person: Person, channel: Channel) -> Written:
        """Raises ContentProblem, NoAddress, Withheld."""
        scope = self._scope
        wanted, shown = self._wanted_by_id[row["id"]], self._shown[row["id"]]
        one, links = letter(scope, channel, row, wanted, shown, self._known[channel.name])
        request = channel.write(one)
        segments = channel.parts(request)
        country = country_of_number(one.recipient) or person.row["country"]
        price = cost(scope.shop.settings, channel.name, country, segments)
        return Written(request, one.recipient, links, segments, price)
