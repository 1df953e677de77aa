"""Any message of a flow as somebody would get it, to be looked at. Nothing is sent and nothing is written down."""

from __future__ import annotations

from collections.abc import Mapping

from connector.scope import Scope
from flows.content.proof import Proof, proof
from flows.content.source import MessageSource
from flows.engine.sample import sources_of
from flows.engine.sample_facts import sample


def look(scope: Scope, flow: str, message: str, person_id: int | None = None, locale: str | None = None) -> Proof:
    """The message in the newest version of the flow, for ``look_at``. Raises NoSample, ContentProblem."""
    return look_at(scope, sources_of(scope, flow, message), message, person_id, locale)


def look_at(
    scope: Scope,
    written: Mapping[str, MessageSource],
    message: str,
    person_id: int | None = None,
    locale: str | None = None,
) -> Proof:
    """The message with the facts of this person in the variant that is theirs, or with invented ones.

    ``written``: the flow's messages and their variants, by name; ``locale``: as if that were the person's language.
    Raises NoSample, ContentProblem.
    """
    source, context = sample(scope, written, message, person_id, locale)
    return proof(source, {**context, "message": {"key": "preview"}})
