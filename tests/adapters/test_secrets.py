from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from connector.errors import ConfigurationError
from connector.secrets import Secrets

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_a_secret_opens_only_for_its_own_shop_and_use() -> None:
    secrets = Secrets([NEW])
    token = secrets.encrypt(7, "brevo_key", "xkeysib-1\nwith a second line")
    assert "xkeysib" not in token
    assert secrets.decrypt(7, "brevo_key", token) == "xkeysib-1\nwith a second line"
    for shop_id, kind in ((8, "brevo_key"), (7, "shopify_token"), (77, "brevo_key")):
        with pytest.raises(ConfigurationError, match="another shop or use"):
            secrets.decrypt(shop_id, kind, token)


def test_rotation_keeps_old_secrets_readable_until_they_are_sealed_anew() -> None:
    token = Secrets([OLD]).encrypt(7, "brevo_key", "k")
    both = Secrets([NEW, OLD])
    assert both.decrypt(7, "brevo_key", token) == "k"
    rotated = both.rotate(token)
    assert Secrets([NEW]).decrypt(7, "brevo_key", rotated) == "k"
    # The control: what was not rotated is lost with the old key, and the message says what to do.
    with pytest.raises(ConfigurationError, match="CONNECTOR_SECRET_KEYS"):
        Secrets([NEW]).decrypt(7, "brevo_key", token)
    with pytest.raises(ConfigurationError):
        Secrets([NEW]).rotate(token)


@pytest.mark.parametrize("token", ["", "nonsense", "gAAAAA" + "A" * 80])
def test_damaged_secrets_are_a_clear_error(token: str) -> None:
    with pytest.raises(ConfigurationError, match="shop 7"):
        Secrets([NEW]).decrypt(7, "brevo_key", token)


def test_no_key_is_said_at_once() -> None:
    with pytest.raises(ConfigurationError, match="CONNECTOR_SECRET_KEYS"):
        Secrets([])
