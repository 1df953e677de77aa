"""The transactional messages of an account: what was accepted, what became of it, and who is blocked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from sandbox.provider import moments
from sandbox.provider.contacts import Contact


@dataclass
class Message:
    """One recipient of one accepted message. `accepted_at` and `due_at` are business unix seconds."""

    message_id: str
    uuid: str
    to: str
    sender: str
    subject: str
    html: str
    text: str
    tags: list[str]
    headers: dict[str, str]
    template_id: int | None
    accepted_at: float
    due_at: float
    accepted_wire: float
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def custom(self) -> str | None:
        return next((v for name, v in self.headers.items() if name.lower() == "x-mailin-custom"), None)

    def as_row(self) -> dict[str, Any]:
        """A row of GET /smtp/emails."""
        return {
            "email": self.to,
            "subject": self.subject,
            **({"templateId": self.template_id} if self.template_id else {}),
            "messageId": self.message_id,
            "uuid": self.uuid,
            "date": moments.api(self.due_at),
            "from": self.sender,
            "tags": self.tags,
        }


# Why an address is blocked: code and message.
REASONS = {
    "unsubscribedViaMA": "Unsubscribed via MA",
    "unsubscribedViaEmail": "Unsubscribed via Email",
    "unsubscribedViaApi": "Unsubscribed via API",
    "adminBlocked": "Admin blocked",
    "hardBounce": "Hard bounced",
    "contactFlaggedAsSpam": "Contact flagged as spam",
}


@dataclass(frozen=True)
class Block:
    """`sender` None: blocked for every sender."""

    email: str
    sender: str | None
    reason: str
    at: float


class Mailbox:
    """Guarded by the account's lock."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._by_id: dict[str, list[Message]] = {}
        self._alike: dict[str, int] = {}
        self._blocks: dict[tuple[str, str | None], Block] = {}
        self._keys: dict[str, float] = {}
        self._sent_on: dict[str, int] = {}

    def add(self, message: Message) -> None:
        self.messages.append(message)
        self._by_id.setdefault(message.message_id, []).append(message)

    def by_message_id(self, message_id: str) -> list[Message]:
        return self._by_id.get(message_id, [])

    def by_uuid(self, uuid: str) -> Message | None:
        return next((message for message in self.messages if message.uuid == uuid), None)

    def forget(self, message_id: str) -> bool:
        """Remove the log of this message; what it was tells nobody any more."""
        gone = self._by_id.pop(message_id, [])
        self.messages = [message for message in self.messages if message not in gone]
        return bool(gone)

    def new_message_id(self, seed: int, content: tuple[object, ...], at: float) -> str:
        """An id made of what is sent, not of the order of arrival: a world played again repeats it."""
        mark = repr((seed, *content))
        self._alike[mark] = number = self._alike.get(mark, 0) + 1
        digest = hashlib.blake2b(f"{mark}{number}".encode(), digest_size=8).digest()
        minute = moments.webhook(at).translate(str.maketrans("", "", "- :"))[:12]
        return f"<{minute}.{int.from_bytes(digest, 'big') % 10**14:014d}@smtp-relay.mailin.fr>"

    # Idempotency keys

    def is_replay(self, key: str, wire: float) -> bool:
        return self._keys.get(key, 0.0) > wire

    def remember(self, key: str, until_wire: float) -> None:
        self._keys[key] = until_wire

    # Daily credits

    def sent_on(self, day: str) -> int:
        return self._sent_on.get(day, 0)

    def spend(self, day: str, credits: int) -> None:
        self._sent_on[day] = self.sent_on(day) + credits

    # Blocked recipients

    def block(self, email: str, reason: str, at: float, sender: str | None = None) -> None:
        self._blocks.setdefault((email, sender), Block(email, sender, reason, at))

    def unblock(self, email: str) -> bool:
        keys = [key for key in self._blocks if key[0] == email]
        for key in keys:
            del self._blocks[key]
        return bool(keys)

    def blocks(self) -> list[Block]:
        """Oldest first."""
        return sorted(self._blocks.values(), key=lambda block: block.at)

    def is_blocked(self, email: str, sender: str) -> Block | None:
        return self._blocks.get((email, None)) or self._blocks.get((email, sender))


def template_fields(contact: Contact | None, email: str) -> dict[str, Any]:
    """What `contact` stands for in a template."""
    if contact is None:
        return {"EMAIL": email}
    return {**contact.identifiers, **contact.attributes, "EMAIL": email}
