"""What a shop knows of the app that it has installed. One app at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.store.apps import App
from sandbox.store.tokens import TokenBook


@dataclass(frozen=True)
class Code:
    """An authorization code, until `expires_at` in wire time; `online` when a user's token was asked for."""

    client_id: str
    expires_at: float
    online: bool


class Installation:
    """The app, whether it is there, what it was granted, and its tokens. The shop's lock guards it."""

    def __init__(self, domain: str, seed: int, app: App) -> None:
        self.app = app
        self.present = False
        self.scopes: set[str] = set()
        self.tokens = TokenBook(f"{seed}:{domain}")
        self.codes: dict[str, Code] = {}
        self.removed_at: float | None = None
        self._domain = domain

    def add(self, app: App, scopes: Iterable[str]) -> None:
        """Install, or install again; another app takes the place of the one that was there."""
        if app is not self.app:
            self.tokens.end_all("another app was installed")
        self.app, self.present, self.scopes = app, True, set(scopes)

    def remove(self, now: float) -> None:
        """Uninstall at business time `now`: every token and code is dead at once."""
        self.removed_at = now
        self.present = False
        self.tokens.end_all("uninstalled")
        self.codes.clear()

    def opened_by(self, access_token: str, now: float) -> bool:
        """Whether the Admin API opens to `access_token` at wire time `now`."""
        token = self.tokens.use(access_token, now)
        if token is None or not self.present:
            return False
        return token.access_expires_at is not None or not self.app.expiring_only

    def staff(self, user_id: int) -> dict[str, Any]:
        """A staff user, as answers with online tokens describe one."""
        return {
            "id": user_id,
            "first_name": "Robin",
            "last_name": f"Staff {user_id}",
            "email": f"staff-{user_id}@{self._domain.partition('.')[0]}.example",
            "email_verified": True,
            "account_owner": user_id == 1,
            "locale": "en",
            "collaborator": False,
        }
