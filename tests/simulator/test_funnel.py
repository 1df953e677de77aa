"""Whoever stops on the way to an order is noticed where they stopped, and nowhere else."""

from __future__ import annotations

import pytest

from flows.definition_files import FlowFolder, compile_texts
from tests.library.playing import at, play, shopper

STAGES = {
    "search_without_purchase": "searched",
    "browse_abandoned": "product_viewed",
    "cart_abandoned": "cart_updated",
    "checkout_abandoned": "checkout_updated",
    "payment_still_pending": "order_placed",
}
HELLO = """---
subject: You were here
preview: A word about it
purpose: marketing
---
<p>Hello</p>

{% render 'button', label: "Go on", url: shop.url %}
"""


def noticing(signal: str) -> FlowFolder:
    name = signal.replace("_", "-")
    text = (
        f"flow: {name}\nname: {name}\ntrigger: {{on: {signal}}}\nhold_after_purchase: none\nsteps:\n  - email: hello\n"
    )
    return compile_texts(text, {"hello": HELLO})


@pytest.mark.row("S4-07")
@pytest.mark.parametrize("signal", STAGES)
def test_a_drop_off_is_noticed_at_the_stage_where_it_happened(signal: str) -> None:
    unpaid = {"financial_status": "pending"} if signal == "payment_still_pending" else {}
    played = play([noticing(one) for one in STAGES], at("0h", STAGES[signal], **unpaid), shopper=shopper(), until="9d")
    assert [one.flow for one in played.sent] == [signal.replace("_", "-")]
