"""Brevo's copies of our records, kept up to date (T5), and what else is told to the outside once it is committed:
consent and loyalty data to the store, requests to confirm. One module per kind of record and one line here.

In this order a turn goes through them: what waits for a contact finds it there, and what somebody waits for comes
before the catalogue. What only quiet scopes have wished for is in ``BULK`` and leaves in another process
(``sync/copies/bulk.py``); contacts of that kind leave by ``sync/imports/``.
"""

from __future__ import annotations

from sync.copies.category import BULK_CATEGORIES, CATEGORIES
from sync.copies.contact import CONTACTS
from sync.copies.double_opt_in import DOUBLE_OPT_INS
from sync.copies.events import EVENTS
from sync.copies.loyalty import LOYALTY
from sync.copies.order import ORDER_HISTORY, ORDERS
from sync.copies.product import BULK_PRODUCTS, PRODUCTS
from sync.copies.resource import Resource
from sync.copies.store_consent import STORE_CONSENT

RESOURCES: tuple[Resource, ...] = (
    CONTACTS,
    DOUBLE_OPT_INS,
    ORDERS,
    EVENTS,
    CATEGORIES,
    PRODUCTS,
    STORE_CONSENT,
    LOYALTY,
)
BULK: tuple[Resource, ...] = (ORDER_HISTORY, BULK_CATEGORIES, BULK_PRODUCTS)
