"""What becomes of messages."""

from __future__ import annotations

from collections.abc import Mapping

from flows.simulator.telling.told import Tell, Told, each


def _of_message(told: Told) -> None:
    """Of the last message that left, of those with this `message`, `flow` or `channel` when it names one."""
    asked = {field: told.props[field] for field in ("message", "flow", "channel") if told.props.get(field)}
    named = (one for one in reversed(told.sent) if all(getattr(one, field) == asked[field] for field in asked))
    found = next(named, None)
    if found is None:
        raise ValueError(f"{told.happening.name}: no message had left that this could be about")
    told.fill(
        channel=found.channel,
        flow=found.flow,
        message=found.message,
        run_id=found.run_id,
        link="https://shop.example/" if told.happening.name == "message_clicked" else None,
    )
    told.tell(told.happening.name, f"message:{found.key}")
    undone = {"message_bounced": "hard_bounce", "message_complained": "complaint"}
    if why := undone.get(told.happening.name):
        told.shopper.suppressed.setdefault(found.channel, why)


TELLS: Mapping[str, Tell] = each(
    (
        *("message_delivered", "message_opened", "message_opened_by_proxy", "message_clicked"),
        *("message_bounced", "message_complained"),
    ),
    _of_message,
)
