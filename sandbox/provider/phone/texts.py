"""The text messages of an account, what they cost, and its WhatsApp numbers and templates."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import Any

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
# Of these each takes two places.
_EXTENSION = frozenset("^{}\\[~]|€")
# Longest text in one message, and in each part of a longer one.
GSM_LENGTHS, UNICODE_LENGTHS = (160, 153), (70, 67)


@dataclass
class Text:
    """One recipient of one accepted SMS or WhatsApp message. Times are business unix seconds.

    `number` are digits with the country code; `template_id` and `params` are a WhatsApp message's, `web_url` is where
    an SMS itself asks to be reported.
    """

    channel: str
    message_id: str
    number: str
    sender: str
    content: str
    kind: str
    tags: list[str]
    accepted_at: float
    parts: int = 1
    web_url: str | None = None
    template_id: int | None = None
    params: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def reference(self) -> str:
        return hashlib.blake2b(self.message_id.encode(), digest_size=10).hexdigest()


@dataclass
class WhatsappTemplate:
    id: int
    name: str
    body: str
    language: str
    category: str
    source: str
    created_at: float
    modified_at: float
    status: str = "draft"


@dataclass
class Phone:
    """Guarded by the account's lock. `replied_at` and `met` are by number, WhatsApp's."""

    credits: float = 100.0
    whatsapp_number: str | None = None
    sms_templates: dict[int, str] = field(default_factory=dict)
    whatsapp_templates: dict[int, WhatsappTemplate] = field(default_factory=dict)
    texts: list[Text] = field(default_factory=list)
    replied_at: dict[str, float] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)

    def of(self, channel: str) -> list[Text]:
        return [text for text in self.texts if text.channel == channel]

    def next_number(self) -> int:
        return len(self.texts) + 1


def spoken(content: str, *, unicode: bool) -> tuple[str, int]:
    """What arrives, and in how many parts; without unicode every sign outside the GSM alphabet is lost."""
    if unicode and not set(content) <= _GSM:
        places, lengths = len(content.encode("utf-16-be")) // 2, UNICODE_LENGTHS
    else:
        content, lengths = "".join(sign if sign in _GSM else "?" for sign in content), GSM_LENGTHS
        places = len(content) + sum(sign in _EXTENSION for sign in content)
    return content, 1 if places <= lengths[0] else math.ceil(places / lengths[1])
