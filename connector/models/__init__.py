"""Tables only, no behaviour. Importing this package registers every table on ``connector.db.schema.metadata``."""

from connector.models import event, flow, inbox, outbox, pause, person, shop, store, sync

__all__ = ["event", "flow", "inbox", "outbox", "pause", "person", "shop", "store", "sync"]
