"""Every call of the API that is served."""

from __future__ import annotations

from sandbox.provider import (
    attributes,
    commerce,
    contact_calls,
    coupons,
    double_opt_in,
    events,
    lists,
    mail_reports,
    plans,
    segments,
    senders,
    sending,
    stored_templates,
)
from sandbox.provider.imports import calls as imports
from sandbox.provider.phone import reports as text_reports
from sandbox.provider.phone import sms, whatsapp
from sandbox.provider.webhooks import registrations
from sandbox.provider.wire import Route

_MODULES = (
    attributes, commerce, contact_calls, coupons, double_opt_in, events, imports, lists, mail_reports, plans,
    registrations, segments, senders, sending, sms, stored_templates, text_reports, whatsapp,
)  # fmt: skip
ROUTES: list[Route] = [route for module in _MODULES for route in module.ROUTES]
