"""A shop's key opens another Brevo account than before: what that means, and what has to be done over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from connector import shops

WARNING = (
    "Attention: this key opens another Brevo account than before. The new account has nothing of this shop:"
    " its contacts, orders and products are told again, as history that starts no automation. Opt-outs that are known"
    " here stay. Not moved are lists, templates, automations and the statistics of messages; settings that name lists"
    " or templates by their number (`connector shop settings`) have to be set anew, and the old account keeps its"
    " contacts until somebody deletes them there."
)

# Whatever was told was told elsewhere: the contact of an event or an order has to be there first again.
_AGAIN = text(
    """
UPDATE sync_state SET
    sent_version = 0,
    state = CASE WHEN state = 'waiting' THEN 'waiting' WHEN entity = 'contact' THEN 'gathering' ELSE 'due' END,
    due_real = :machine, lease_real = NULL, attempts = 0, reason = NULL, quiet = true, run_id = NULL,
    import_id = NULL, import_version = NULL
WHERE shop_id = :shop_id AND entity IN ('contact', 'order', 'product', 'category')
"""
)


# What is said of lists and imports is said of the old account's.
_OLD_LISTS = text("DELETE FROM lists_left WHERE shop_id = :shop_id")
_OLD_IMPORTS = text(
    "UPDATE contact_imports SET state = 'failed', reason = 'another account', lease_real = NULL"
    " WHERE shop_id = :shop_id AND state IN ('forming', 'due', 'sent')"
)


def tell_again(connection: Connection, shop_id: int, machine: datetime) -> int:
    """Have every record told again that Brevo has a copy of; returns how many. In the transaction of the new key."""
    connection.execute(_OLD_LISTS, {"shop_id": shop_id})
    connection.execute(_OLD_IMPORTS, {"shop_id": shop_id})
    shops.change_settings(connection, shop_id, {"lists": {}})
    return connection.execute(_AGAIN, {"shop_id": shop_id, "machine": machine}).rowcount
