"""Web push, which nothing sends by yet: flows may have push messages, and the gate skips each of them.

Its consent and its caps are known already. Whoever builds it fills in what is raised here, and takes the channel off
``flows.core.objections.UNAVAILABLE``.
"""

from __future__ import annotations

from connector.brevo.client import BrevoAccount
from connector.db.any_row import AnyRow
from connector.errors import Refused
from flows.channels.channel import Channel, Letter, Request, Withheld

_REASON, _SENTENCE = "channel_unavailable", "Push messages cannot be sent yet."


def address(person: AnyRow) -> str | None:
    """Nobody's browser is known."""
    return None


def about(request: Request) -> str:
    return str(request["title"])


def write(letter: Letter) -> Request:
    """Raises Withheld."""
    raise Withheld(_REASON, _SENTENCE)


def send(account: BrevoAccount, request: Request, leave_by: float) -> str:
    """Raises Refused."""
    raise Refused("push", _SENTENCE)


PUSH = Channel(
    name="push", bucket="other", look_up_bucket=None, address=address, about=about, write=write, send=send, look_up=None
)
