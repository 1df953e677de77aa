"""Syncs that staff ask for: contacts, orders, products or collections again, for one person, one record or a range of
time; also only to Brevo, of what we hold.

A re-run reads the records from the store, applies them as everything that is read from the store (``sync/readers.py``),
and has Brevo told of them again, changed or not. **No message goes out because of it**: all of it happens in a quiet
scope (``connector.scope.Scope.quiet``), in which what is heard of for the first time is history. It may end a run of a
flow, and never begins one or moves one on; Brevo is told of no event, and of orders by the call that starts no
automations. See docs/adr/0018.

For the page and the command line:

* ``preview(deps, shop, what, most=50) -> Preview``: asks both platforms now and writes nothing;
* ``start(scope, what, by=...) -> int``: the id of the run, which the workers do. Raises InvalidInput when one of this
  entity is under way for the shop;
* ``stop(scope, run_id, by=...) -> bool``: between two slices; False when it has ended already; ``resume(scope, run_id,
  by=...)``: at the page where it stood;
* ``progress(connection, shop_id, run_id) -> Run`` (LookupError), ``history(connection, shop_id, limit, before=None) ->
  [Run]``;
* ``failures(connection, shop_id, run_id, limit, after=None) -> [Failure]`` with the platform's own answer;
  ``retry(scope, run_id, record_ids=(), by=...) -> int``: these, or all that failed, as a new run.

``start``, ``stop``, ``resume`` and ``retry`` write their line of the audit log themselves, in the caller's transaction.
``by`` is its actor. Values of a preview are not masked, and a reason may quote personal data: masking is the page's
business.
"""

from __future__ import annotations

from sync.reruns.entities import ENTITIES
from sync.reruns.previewing import STATEMENT, Difference, Preview, Record, preview
from sync.reruns.runs import OPEN, Failure, Run, failures, history, progress, resume, retry, start, stop
from sync.reruns.what import What

__all__ = [
    "ENTITIES",
    "OPEN",
    "STATEMENT",
    "Difference",
    "Failure",
    "Preview",
    "Record",
    "Run",
    "What",
    "failures",
    "history",
    "preview",
    "progress",
    "resume",
    "retry",
    "start",
    "stop",
]
