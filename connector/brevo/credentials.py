"""What a call to Brevo shows: an API key, or an access token of OAuth. One of the two, never both.

A stored access token that renews itself is ``connector.brevo_tokens.BrevoTokens``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from connector.grants import Grant

Headers = Mapping[str, str]


class Credential(Protocol):
    """What ``connector.brevo.calls`` needs of a credential."""

    @property
    def seed(self) -> str:
        """What limits count against while it is not known whose account it is. It is hashed before it goes anywhere."""

    def headers(self) -> Headers:
        """The headers of a call. Raises a ProviderError when there is nothing to show."""

    def renewed(self, refused: Headers) -> Headers:
        """What to try once more with, now that Brevo has refused these (401). Raises as ``headers`` does."""


@dataclass(frozen=True)
class ApiKey:
    """A key of the account's own."""

    text: str = field(repr=False)

    @property
    def seed(self) -> str:
        return self.text

    def headers(self) -> Headers:
        return {"api-key": self.text}

    def renewed(self, refused: Headers) -> Headers:
        """The same: stray 401s are known."""
        return refused


@dataclass(frozen=True)
class Access:
    """What Brevo has just given for a code: it is tried before it takes another credential's place."""

    grant: Grant

    @property
    def seed(self) -> str:
        return self.grant.token

    def headers(self) -> Headers:
        return bearer(self.grant.token)

    def renewed(self, refused: Headers) -> Headers:
        return refused


def bearer(token: str) -> Headers:
    """The header of an access token (RFC 6750)."""
    return {"Authorization": f"Bearer {token}"}
