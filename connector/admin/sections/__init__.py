"""The shop's settings as staff see them: in parts, each a form of its own. A part is added by a line here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from connector.admin.sections import account, channels, contact, looks, segments, signals, visitors
from connector.admin.sections.section import Section


@cache
def sections() -> Mapping[str, Section]:
    """By key, in the order of the page."""
    listed = (
        contact.LIMITS,
        contact.HOURS,
        contact.CONSENT,
        contact.BRAKE,
        looks.BRAND,
        looks.OFFER_FIELDS,
        channels.CHANNELS,
        channels.windows(),
        channels.COSTS,
        channels.ORDERS,
        segments.SEGMENTS,
        signals.SIGNALS,
        signals.STOCK,
        signals.LOYALTY,
        signals.NOTIFY,
        signals.REVIEWS,
        account.ACCOUNT,
        visitors.VISITORS,
    )
    # What has no field is no form: a setting that the shop does not have.
    return {one.key: one for one in listed if one.fields}


def named(key: str) -> Section:
    """Raises LookupError when there is none of this name."""
    found = sections().get(key)
    if found is None:
        raise LookupError(f"There is no part of the settings called {key}.")
    return found
