"""A web process with less time for slow senders, so that a test need not wait for them."""

from __future__ import annotations

from connector.wsgi import app as app
from webhooks import stragglers

stragglers.MOST_SECONDS = 2.0
