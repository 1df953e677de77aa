"""What a report means for whether somebody may be written to: pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from connector.brevo.whatsapp_errors import Meaning, meaning

# What carriers and regulators count as a way to say no (FCC 47 CFR 64.1200(a)(10)), with what French, Spanish,
# Portuguese, German, Italian and Dutch carriers know: as whole answers, spelled without spaces.
_STOP_WORDS = (
    "stop stopall stopsms stopmsg quit end revoke optout cancel unsubscribe unsub remove removeme arret arreter"
    " arretez desabo desabonner desabonnement desinscription desinscrire baja cancelar parar pare sair abmelden"
    " abmeldung abbestellen stopp annulla cancella disiscrivi afmelden uitschrijven"
).split()
_STOPS = re.compile(f"(?:{'|'.join(_STOP_WORDS)})+")
# With these an answer may begin, and whatever follows: "Stop texting me", "arrêt svp".
_FIRST_WORDS = frozenset(
    "stop stopp stopall unsubscribe unsub arret arreter arretez desabonner desabonnez desabonnement desinscription"
    " desinscrire abmelden abbestellen".split()
)
# What people say around a word that stops: "Please stop", "cancel, thanks", "bitte abmelden".
_MANNERS = frozenset(
    "please pls plz thanks thank you thx now me all texts text texting messages sms svp merci bitte danke por favor"
    " gracias".split()
)
# The same without such a word.
_NO_MORE = re.compile(r"\b(?:do not|don ?t) (?:text|sms|message|contact) me\b|\bno more (?:texts?|sms|messages?)\b")
# Why Brevo blocks a message, in its own words: "blocked : due to unsubscribed user", hardBounce, adminBlocked ...
_SAID_NO = re.compile(r"unsubscri|black-?list|block-?list", re.IGNORECASE)
_DEAD = re.compile(r"bounce|invalid", re.IGNORECASE)
_COMPLAINED = re.compile(r"spam|complain", re.IGNORECASE)
_BY_STAFF = re.compile(r"admin", re.IGNORECASE)


@dataclass(frozen=True)
class Consequence:
    """``state``: of the consent to the channel, None when it stays. ``suppression``: why the address is never to be
    written to again, None when it may be."""

    state: str | None = None
    suppression: str | None = None


NONE = Consequence()
BOUNCED = Consequence("undeliverable", "hard_bounce")
COMPLAINED = Consequence("unsubscribed", "complaint")
LEFT = Consequence("unsubscribed")


_OF_WHATSAPP: Mapping[Meaning, Consequence] = {Meaning.LEFT: LEFT, Meaning.UNREACHABLE: BOUNCED}


def consequence(
    event: str, *, channel: str = "email", reason: str | None = None, text: str | None = None
) -> Consequence:
    """What follows from this event of ours. ``reason``: the provider's words, ``text``: what was replied."""
    if event == "message_bounced":
        return BOUNCED
    if event == "message_complained":
        return COMPLAINED
    if event == "message_unsubscribed":
        return LEFT
    if event == "message_blocked":
        return _blocked(reason or "")
    if event == "message_replied" and says_no(text):
        return LEFT
    if event == "message_error" and channel == "whatsapp":
        return _OF_WHATSAPP.get(meaning(reason), NONE)
    return Consequence("subscribed") if event == "message_subscribed" else NONE


def _blocked(reason: str) -> Consequence:
    """Brevo does not send what it blocks. Why it does tells what we were not told when it happened."""
    for pattern, follows in ((_COMPLAINED, COMPLAINED), (_DEAD, BOUNCED), (_SAID_NO, LEFT)):
        if pattern.search(reason):
            return follows
    return Consequence(None, "blocked") if _BY_STAFF.search(reason) else NONE


def says_no(text: str | None) -> bool:
    """Whether an answer says that no more messages are wanted: a word that stops them in any case, with accents,
    spaces, dots or emoji, alone, again and again, or at the beginning. In doubt it does.

    >>> says_no("  Stop! "), says_no("S T O P"), says_no("ARRÊT svp"), says_no("please don't stop")
    (True, True, True, False)
    """
    # Accents and signs without a width are nothing; any other sign stands between words.
    plain = [
        sign
        for sign in unicodedata.normalize("NFKD", (text or "")[:200]).lower()
        if unicodedata.category(sign) not in ("Mn", "Cf")
    ]
    words = re.sub(r"[^a-z]", " ", "".join(plain)).split()
    asked = [word for word in words if word not in _MANNERS]
    if any(_STOPS.fullmatch("".join(said)) for said in (words, asked)):
        return True
    return bool(asked and asked[0] in _FIRST_WORDS) or bool(_NO_MORE.search(" ".join(words)))
