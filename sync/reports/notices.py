"""What Brevo tells beside messages and contacts: loyalty, web push, coupons, and what is new to us. Each is kept as an
event of whoever it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector import eventlog
from connector.scope import Scope
from sync import consent, people


@dataclass(frozen=True)
class Notice:
    """``event``: our name, ``word``: Brevo's. ``identity``: what names the fact. ``email``, ``customer_id``: whom it
    names, as far as it does. ``props``: what is kept, nothing of a person.
    """

    event: str
    word: str
    identity: str
    at: datetime
    email: str | None = None
    customer_id: str | None = None
    props: Mapping[str, Any] = field(default_factory=dict)


def heard(scope: Scope, notice: Notice) -> None:
    """Keep it. The caller holds the shop's NORMALISE lock."""
    person_id = _person(scope, notice)
    fact = eventlog.Fact(
        notice.event,
        f"brevo:{notice.identity}",
        notice.at,
        f"person:{person_id}" if person_id is not None else f"brevo:{notice.identity}"[:200],
        person_id,
        props={"event": notice.word, **notice.props},
        source="brevo",
    )
    eventlog.append(scope, [fact])
    if notice.event == "push_reported" and person_id is not None and "unsubscrib" in notice.word:
        # A subscription of a browser is no consent to marketing; its end is an opt-out.
        consent.record(scope, person_id, "push", "unsubscribed", source="brevo", evidence_at=notice.at)


def _person(scope: Scope, notice: Notice) -> int | None:
    if notice.customer_id:
        found = people.person_of(scope, "customer", notice.customer_id)
        if found is not None:
            return found
    email = people.normal_email(notice.email)
    return people.person_of(scope, "email", email) if email else None
