"""What a person chose on the unsubscribe page, carried out in one transaction."""

from __future__ import annotations

from connector.consent_policy import country_of, in_force
from connector.scope import Scope
from connector.unsubscribe import Unsubscribe
from connector.web.visitor import Visitor, Word, receive, say
from flows.core.permission import OWN, shown_state

SOURCE = "unsubscribe_page"
SUBSCRIBED = "subscribed"
UNSUBSCRIBED = "unsubscribed"


def state_of(visitor: Visitor) -> str | None:
    """The state of the link's channel as flows see it: who still has to confirm is pending. None: nothing is known."""
    if visitor.person is None:
        return None
    channel, purpose = _subject(visitor.link)
    settings = visitor.shop.settings
    country = country_of(visitor.person, settings)
    return shown_state(visitor.words.get((channel, purpose)), country, channel, purpose, in_force(settings))


def leave(scope: Scope, link: Unsubscribe) -> bool:
    """Opt the person out; whether that changed anything. Asking twice, or after an erasure, is no error."""
    visitor = receive(scope, link)
    known = _known(visitor)
    if visitor.person is None or (known and known.state == UNSUBSCRIBED):
        return False
    say(scope, visitor, *_subject(link), UNSUBSCRIBED, source=SOURCE)
    return True


def stay(scope: Scope, link: Unsubscribe) -> bool:
    """Take an opt-out back; whether that changed anything. Nobody is subscribed here who was not before."""
    visitor = receive(scope, link)
    known = _known(visitor)
    if known is None or known.state != UNSUBSCRIBED:
        return False
    return say(scope, visitor, *_subject(link), SUBSCRIBED, source=SOURCE)


def _known(visitor: Visitor) -> Word | None:
    return visitor.words.get(_subject(visitor.link))


def _subject(link: Unsubscribe) -> tuple[str, str]:
    return link.channel, OWN.get(link.channel, link.channel)
