"""How an account behaves here."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass
class Settings:
    """Rates are shares from 0 to 1; README.md says what each setting does.

    `clicks`, `unsubscribes` (through the sender's link in the body), `own_unsubscribes` (through the provider's),
    `list_unsubscribes` (through the mail program) and `reopens` are shares of those who open. `delivery_seconds` is
    business time; `too_early_seconds` (a second write to a contact within it is answered 425), `lookup_lag_seconds`
    (until a message shows in GET /smtp/emails), `import_queue_seconds` and `import_seconds` are wire time;
    `webhook_retry_seconds` and `webhook_pause_seconds` are real time.
    """

    seed: int = 1
    honour_idempotency: bool = True
    delivery_seconds: float = 60.0
    opens: float = 0.0
    reopens: float = 0.0
    clicks: float = 0.0
    unsubscribes: float = 0.0
    list_unsubscribes: float = 0.0
    own_unsubscribes: float = 0.0
    proxy_opens: float = 0.0
    soft_bounces: float = 0.0
    hard_bounces: float = 0.0
    deferrals: float = 0.0
    complaints: float = 0.0
    sms_hard_bounces: float = 0.0
    sms_soft_bounces: float = 0.0
    sms_stops: float = 0.0
    whatsapp_reads: float = 0.0
    whatsapp_errors: float = 0.0
    whatsapp_stops: float = 0.0
    whatsapp_approval: str = "approved"
    lost_webhooks: float = 0.0
    webhook_retry_seconds: tuple[float, ...] = (0.2, 0.6, 1.8, 5.4)
    webhook_pause_seconds: float = 0.2
    too_early_seconds: float = 0.0
    lookup_lag_seconds: float = 0.0
    import_queue_seconds: float = 0.0
    import_seconds: float = 0.2
    failing_imports: int = 0
    import_webhooks: bool = True
    batch_partial_status: int = 400
    block_unknown_ip: bool = False

    def update(self, values: dict[str, Any]) -> None:
        """Raises ValueError for an unknown name or a value of another type; then nothing changes."""
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        checked: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}")
            if isinstance(known[name], tuple):
                checked[name] = tuple(float(pause) for pause in value)
            elif isinstance(known[name], bool) != isinstance(value, bool):
                raise ValueError(f"setting {name!r} is of another type")
            else:
                checked[name] = type(known[name])(value)
        for name, value in checked.items():
            setattr(self, name, value)
