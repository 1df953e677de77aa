"""The error tree. An error carries its verdict: what whoever caught it should do next.

::

    ConnectorError
    ├── ConfigurationError        stop: the settings are wrong; the message says what to change
    ├── InvalidInput              stop: the request or file is wrong; the message says what to change
    └── ProviderError             an answer (or none) of Shopify or Brevo
        ├── Retry                 nothing was accepted: try again, at ``after`` seconds at the earliest
        │   ├── RateLimited       the same, because a limit was reached
        │   └── TooLate           the same, because the permission to send ran out before all of it had left
        ├── OutcomeUnknown        bytes left and no answer was read: neither sent nor failed
        ├── Refused               stop: this request is wrong and will stay wrong
        │   ├── AlreadyAccepted   the provider says that it has taken this very request before
        │   └── AlreadySo         nothing to do: what was asked for is so already
        └── ActionNeeded          stop: somebody must act (key revoked, credits used up)
            └── CredentialRefused the same: the key or token is refused, and so was what renewing it brought
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Root of all errors that this product raises on purpose."""


class ConfigurationError(ConnectorError):
    """The settings are wrong. The message names every problem and its cure."""


class InvalidInput(ConnectorError):
    """A file, form or command argument is wrong. The message says what to do."""


class ProviderError(ConnectorError):
    """``provider`` is "shopify" or "brevo"; ``status`` the HTTP status or 0 when there was no answer."""

    def __init__(self, provider: str, message: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(f"{provider} answered {status or 'nothing'}{f' ({code})' if code else ''}: {message}")
        self.provider = provider
        self.status = status
        self.code = code
        self.detail = message


class Retry(ProviderError):
    """Nothing was accepted. ``after``: seconds of machine time to wait at least (0: the caller's back-off)."""

    def __init__(self, provider: str, message: str, *, status: int = 0, code: str = "", after: float = 0.0) -> None:
        super().__init__(provider, message, status=status, code=code)
        self.after = after


class RateLimited(Retry):
    """A limit of the provider was reached; ``after`` is the rest of its window."""


class TooLate(Retry):
    """Waiting for a connection took longer than what the gate had seen was good for."""


class OutcomeUnknown(ProviderError):
    """The request may or may not have been accepted."""


class Refused(ProviderError):
    """The provider says no to this request, for good."""


class AlreadyAccepted(Refused):
    """The provider refused a repeated idempotency key: the first request was taken."""


class AlreadySo(Refused):
    """The provider refuses because what was asked for is so already. Whoever only wants it to be so may go on."""


class ActionNeeded(ProviderError):
    """Nothing will work until a person acts; the message says what."""


class CredentialRefused(ActionNeeded):
    """The key or token is refused (401). The adapter renews it where it can, and shows it once more, before this is
    believed.
    """
