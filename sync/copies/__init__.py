"""Brevo's copies of our records, kept up to date (T5). One module per kind of record and one line here.

In this order a turn goes through them: what waits for a contact finds it there, and what somebody waits for comes
before the catalogue.
"""

from __future__ import annotations

from sync.copies.category import CATEGORIES
from sync.copies.contact import CONTACTS
from sync.copies.events import EVENTS
from sync.copies.order import ORDERS
from sync.copies.product import PRODUCTS
from sync.copies.resource import Resource

RESOURCES: tuple[Resource, ...] = (CONTACTS, ORDERS, EVENTS, CATEGORIES, PRODUCTS)
