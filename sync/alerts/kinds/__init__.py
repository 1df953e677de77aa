"""The registry of kinds of alerts, in the order in which they are shown. Adding one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Mapping

from sync.alerts.kinds.complaints import COMPLAINTS
from sync.alerts.kinds.engagement import CLICKS, OPENS
from sync.alerts.kinds.kind import Kind
from sync.alerts.kinds.outgoing import OUTGOING
from sync.alerts.kinds.overdue import OVERDUE
from sync.alerts.kinds.paused import PAUSED
from sync.alerts.kinds.silence import SILENCE
from sync.alerts.kinds.stopped import STOPPED
from sync.alerts.kinds.stuck import STUCK
from sync.alerts.kinds.unsubscribes import UNSUBSCRIBES

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        PAUSED,
        STUCK,
        COMPLAINTS,
        SILENCE,
        STOPPED,
        OUTGOING,
        UNSUBSCRIBES,
        OPENS,
        CLICKS,
        OVERDUE,
    )
}
