"""Reconciliation: what deliveries did not tell is found, brought in and told. See docs/adr/0028.

Looks are made again and again (``looks.LOOKS``), each a row of ``reconcile_passes``:

* ``changed``: what the store has changed lately, by its time, customers and orders every 15 minutes, products and
  collections every hour;
* ``all``: everything of a kind by one bulk operation, once a day, which also finds what the store has deleted;
* ``subscriptions``: what the store reports to us, hourly; ``stuck``: runs that nothing would wake;
  ``reviews``: reviews of the flows that staff are due, every three hours;
* ``sample``: a few records field by field, here, at the store and at Brevo, daily.

``ask(scope, by=...)`` has all of it done now; ``read`` and ``history`` tell what it came to. ``look_due`` is what the
workers do.
"""

from __future__ import annotations

from sync.reconcile.reports import Report, ask, earlier, history, read, waits
from sync.reconcile.work import Look, look_due

__all__ = ["Look", "Report", "ask", "earlier", "history", "look_due", "read", "waits"]
