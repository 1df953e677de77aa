"""What a message is tried with: invented facts, or those of somebody, in the variant that is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from connector.errors import ConnectorError
from connector.scope import Scope
from flows.content import variants
from flows.content.context import example
from flows.content.readers import reader_of
from flows.content.source import MessageSource
from flows.core.model import Run
from flows.core.steps.coupon import COUPONS
from flows.engine import sources
from flows.engine.letters import facts_of, shop_as_shown, with_sources
from flows.engine.people import Person, load
from flows.engine.sources import Wanted, profile


class NoSample(ConnectorError):
    """What was asked for is not there."""


def sample(
    scope: Scope,
    written: Mapping[str, MessageSource],
    message: str,
    person_id: int | None,
    locale: str | None = None,
) -> tuple[MessageSource, dict[str, Any]]:
    """The message as it is written for this person, with a context of theirs but for its links; None: of nobody.

    ``written``: the flow's messages and their variants, of which one may be asked for by its name. Of the run there is
    what the newest flow that they are in tells, and else the example's. ``locale``: as if that were their language.
    Raises NoSample.
    """
    shop = shop_as_shown(scope)
    if person_id is None:
        source = written[variants.chosen(written, message, [locale], ()) if locale else message]
        return source, reader_of(source, locale, {**example(), "shop": shop})
    person = load(scope, [person_id]).get(person_id)
    if person is None or person.row["erased_at"] is not None:
        raise NoSample(f"There is no person {person_id} at {scope.shop.domain}.")
    source = theirs(scope, written, message, person, locale)
    run = max(person.live.values(), key=lambda run: run.entered_at, default=_nowhere(person, scope.now))
    wanted = Wanted(0, person, run, source)
    shown = with_sources(person, source, sources.load(scope, [wanted])[0], scope.now)
    told = {"event": run.trigger} if run.trigger else {}
    coupons = {COUPONS: run.vars[COUPONS]} if COUPONS in run.vars else {}
    # Nobody is shown as having what is invented: no points, no past.
    nothing: dict[str, list[Any]] = {name: [] for name in example()["products"]}
    unknown: dict[str, Any] = {"loyalty": {}, "reviews": [], "profile": {}, "products": nothing}
    context = {**example(), **unknown, **told, **coupons, **facts_of(person, run), **shown, "shop": shop}
    if locale:
        context["person"] = {**context["person"], "locale": locale}
    return source, context


def theirs(
    scope: Scope, written: Mapping[str, MessageSource], message: str, person: Person, locale: str | None = None
) -> MessageSource:
    """The message in the variant that is this person's, or the one variant that its whole name asks for."""
    if variants.named(message).message != message:
        return written[message]
    person_id = person.row["id"]
    asked = {person_id: person} if variants.segments(written, message) else {}
    members = profile.memberships(scope, asked).get(person_id, {}) if asked else {}
    locales = (locale or person.row["locale"] or "", scope.shop.settings["locale"])
    return written[variants.chosen(written, message, locales, members)]


def _nowhere(person: Person, now: datetime) -> Run:
    """For somebody who is in no flow."""
    return Run(UUID(int=0), "", 0, person.row["id"], "", "live", None, now, now, now, {})
