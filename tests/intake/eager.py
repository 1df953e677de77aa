"""A web process that acknowledges before the commit: the control that the crash test must catch."""

from __future__ import annotations

import threading

from connector.wsgi import app as app
from webhooks.writer import InboxRow, Writer

_store = Writer.store


def _acknowledge_at_once(self: Writer, row: InboxRow, deadline: float) -> bool:
    threading.Thread(target=_store, args=(self, row, deadline), daemon=True).start()
    return True


Writer.store = _acknowledge_at_once  # type: ignore[method-assign]
