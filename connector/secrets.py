"""Credentials at rest: encrypted with the newest key, readable with any, each bound to its shop and kind.

Fernet has no associated data, so shop and kind travel inside the sealed text: a row copied to another shop,
or into another column, does not open there.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from connector.errors import ConfigurationError

_MARK = "v1"
_SEPARATOR = "\n"


class Secrets:
    """Seals and opens secrets. ``keys``: Fernet keys, the newest first (``Settings.secret_keys``)."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ConfigurationError("CONNECTOR_SECRET_KEYS: is required to keep credentials; none is set")
        self._newest = Fernet(keys[0])
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, shop_id: int, kind: str, text: str) -> str:
        """Seal ``text`` for this shop and kind ("shopify_token", "brevo_key" ...)."""
        sealed = _SEPARATOR.join((_MARK, str(shop_id), kind, text))
        return self._fernet.encrypt(sealed.encode()).decode()

    def decrypt(self, shop_id: int, kind: str, token: str) -> str:
        """Open a sealed secret. Raises ConfigurationError when no key opens it or it is another shop's."""
        try:
            opened = self._fernet.decrypt(token.encode()).decode()
            mark, owner, sealed_kind, text = opened.split(_SEPARATOR, 3)
        except InvalidToken:
            raise ConfigurationError(
                f"The {kind} of shop {shop_id} cannot be read with the keys in CONNECTOR_SECRET_KEYS:"
                " add the key it was written with, or connect the shop again."
            ) from None
        except ValueError:
            raise ConfigurationError(f"The {kind} of shop {shop_id} has an unknown form.") from None
        if (mark, owner, sealed_kind) != (_MARK, str(shop_id), kind):
            raise ConfigurationError(
                f"What is stored as {kind} of shop {shop_id} was sealed for another shop or use."
                " It was not opened: connect the shop again."
            )
        return text

    def is_newest(self, token: str) -> bool:
        """Whether the newest key alone opens this."""
        try:
            self._newest.decrypt(token.encode())
        except InvalidToken:
            return False
        return True

    def rotate(self, token: str) -> str:
        """The same secret, sealed with the newest key. Raises ConfigurationError when no key opens it."""
        try:
            return self._fernet.rotate(token.encode()).decode()
        except InvalidToken:
            raise ConfigurationError("No key in CONNECTOR_SECRET_KEYS opens this secret.") from None
