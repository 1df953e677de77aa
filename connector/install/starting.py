"""The flows that a shop begins with, put in by a merchant in the admin: as drafts, so that nothing is sent before they
say so. (On the command line they are active at once: ``connector.install.account``.)"""

from __future__ import annotations

from connector.scope import Scope
from flows.definition_files import read_folder
from flows.engine import lifecycle
from flows.engine.publish import FROM_THE_START, checked
from flows.starters import BY_FLOW, folder


def put_in(scope: Scope, *, by: str) -> list[str]:
    """Put those that the shop has not into it as drafts, each with its line of the audit log; returns their names."""
    known = {one.flow for one in lifecycle.flows_of(scope.connection, scope.shop_id, counted=False)}
    missing = [name for name in in_order() if name not in known]
    for name in missing:
        lifecycle.publish_folder(scope, read_folder(folder(name), checked), by=by, draft=True)
    return missing


def in_order() -> list[str]:
    """Their names, in the order in which they are recommended."""
    recommended = list(BY_FLOW)
    return sorted(FROM_THE_START, key=lambda name: (recommended.index(name), name))
