"""What staff should look at: raised once, told once, taken back by itself, and kept as history (ADR 53).

* ``open_alerts(connection, shop_id) -> [Alert]``, ``history(connection, shop_id, before, size) -> [Alert]``;
* ``see(scope, alert_id, by=...)``: somebody looks after it;
* ``look_due``: the work; ``KINDS``: what is looked for.
"""

from __future__ import annotations

from sync.alerts.kinds import KINDS
from sync.alerts.looking import look_due
from sync.alerts.rows import Alert, history, open_alerts, see

__all__ = ["KINDS", "Alert", "history", "look_due", "open_alerts", "see"]
