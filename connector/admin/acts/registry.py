"""All acts and views, one line per area: what the admin API offers and its description tells of.

An area is a module of this package with ``ACTS`` or ``VIEWS`` or both.
"""

from __future__ import annotations

from types import ModuleType

from connector.admin.acts import (
    alerts,
    arming,
    audit,
    brevo,
    checklist,
    coupon_pools,
    deliveries,
    drafts,
    dry_runs,
    endpoints,
    flows,
    keys,
    loyalty,
    mapping,
    messages,
    onboarding,
    people,
    publishing,
    rates,
    reports,
    settings,
    staff,
    standing,
    store,
    syncs,
    tasks,
    webhooks,
    whatsapp,
)
from connector.admin.acts.act import Act, View

AREAS: tuple[ModuleType, ...] = (
    onboarding,
    flows,
    reports,
    drafts,
    dry_runs,
    publishing,
    people,
    messages,
    tasks,
    settings,
    rates,
    coupon_pools,
    whatsapp,
    loyalty,
    mapping,
    brevo,
    keys,
    staff,
    audit,
    syncs,
    store,
    alerts,
    standing,
    arming,
    deliveries,
    webhooks,
    endpoints,
    checklist,
    # One line per area, in the order in which the description of the API tells of them.
)


def acts() -> tuple[Act, ...]:
    """What can be done."""
    return tuple(act for area in AREAS for act in getattr(area, "ACTS", ()))


def views() -> tuple[View, ...]:
    """What can be read."""
    return tuple(view for area in AREAS for view in getattr(area, "VIEWS", ()))
