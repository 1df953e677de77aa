"""Tables only, no behaviour. Importing this package registers every table on ``connector.db.schema.metadata``."""

from connector.models import (
    event,
    flow,
    identity,
    inbox,
    outbox,
    pause,
    person,
    privacy,
    rerun,
    shop,
    staff,
    store,
    sync,
)

__all__ = [
    "event",
    "flow",
    "identity",
    "inbox",
    "outbox",
    "pause",
    "person",
    "privacy",
    "rerun",
    "shop",
    "staff",
    "store",
    "sync",
]
