"""What a merchant may set about texts, and what is said of what they may not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from marshmallow import ValidationError

from connector.message_costs import cost
from connector.shops import ShopSettingsSchema


def loaded(**settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = ShopSettingsSchema().load(settings)
    return found


@pytest.mark.parametrize("sender", ["", "Goods", "Goods4You", "A", "ElevenSigns", "123456789012", "123456789012345"])
def test_a_sender_that_brevo_takes(sender: str) -> None:
    assert loaded(sms={"sender": sender})["sms"]["sender"] == sender


@pytest.mark.parametrize("sender", ["TwelveLetter", "My Shop", "Käse", "1234567890123456", "+33612345678", "Shop!"])
def test_a_sender_that_it_does_not_take(sender: str) -> None:
    with pytest.raises(ValidationError, match="up to 11 letters and digits, or 12 to 15 digits"):
        loaded(sms={"sender": sender})


@pytest.mark.parametrize("text", ["", "STOP", "[STOP_CODE", f"[STOP_CODE]{'x' * 60}"])
def test_what_says_how_to_stop_says_it(text: str) -> None:
    with pytest.raises(ValidationError, match="STOP_CODE"):
        loaded(sms={"stop_text": text})
    assert loaded(sms={"stop_text": "STOP au [STOP_CODE]"})


def test_a_price_by_country_or_else_the_default() -> None:
    settings = loaded(message_costs={"sms": {"FR": "0.045", "default": "0.06"}, "email": {"default": 0}})
    asked = [("sms", "FR", 2), ("sms", "US", 1), ("sms", None, 3), ("email", "FR", 1), ("whatsapp", "FR", 1)]
    assert [cost(settings, *one) for one in asked] == [Decimal("0.09"), Decimal("0.06"), Decimal("0.18"), 0, None]
    for wrong in ({"fax": {}}, {"sms": {"France": "1"}}, {"sms": {"FR": "-1"}}, {"sms": {"FR": "NaN"}}):
        with pytest.raises(ValidationError):
            loaded(message_costs=wrong)
