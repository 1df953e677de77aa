"""A web process that looks at no connection: the control that slow senders must hold up."""

from __future__ import annotations

from connector.wsgi import app as app
from webhooks.stragglers import Stragglers

Stragglers.start = lambda self: None  # type: ignore[method-assign]
