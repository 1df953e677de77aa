"""The registry of checks, in the order in which they are made. Adding one is a file here and a line below."""

from __future__ import annotations

from connector.doctor.checks import (
    attributes,
    brevo,
    brevo_reports,
    brevo_webhooks,
    clock,
    commerce,
    connection,
    consent,
    database_time,
    disk,
    domains,
    environment,
    gaps,
    lags,
    leases,
    outgoing,
    partitions,
    pauses,
    platform_time,
    postgres,
    redis,
    retention,
    scopes,
    senders,
    stopped,
    store,
    store_webhooks,
    survey,
    templates,
    values,
    web,
    workers,
)
from connector.doctor.finding import Check
from connector.doctor.subject import ConnectedShop, Installation

INSTALLATION: tuple[Check[Installation], ...] = (
    environment.CHECK,
    postgres.CHECK,
    redis.CHECK,
    web.CHECK,
    workers.CHECK,
    clock.CHECK,
    database_time.CHECK,
    partitions.CHECK,
    retention.CHECK,
    disk.CHECK,
    lags.CHECK,
)

SHOP: tuple[Check[ConnectedShop], ...] = (
    connection.CHECK,
    store.CHECK,
    scopes.CHECK,
    store_webhooks.CHECK,
    brevo.CHECK,
    senders.CHECK,
    attributes.CHECK,
    consent.CHECK,
    brevo_webhooks.CHECK,
    brevo_reports.CHECK,
    commerce.CHECK,
    platform_time.CHECK,
    pauses.CHECK,
    survey.CHECK,
    leases.CHECK,
    stopped.CHECK,
    gaps.CHECK,
    outgoing.CHECK,
)

WITHOUT_BREVO = (connection.CHECK, store.CHECK, scopes.CHECK, store_webhooks.CHECK, stopped.CHECK)
"""What can be said of a shop that has no account at Brevo yet."""

BREVO: tuple[Check[ConnectedShop], ...] = (
    brevo.CHECK,
    pauses.CHECK,
    survey.CHECK,
    senders.CHECK,
    domains.CHECK,
    templates.CHECK,
    attributes.CHECK,
    values.CHECK,
    brevo_webhooks.CHECK,
    commerce.CHECK,
)
"""What ``connector brevo doctor`` looks at: all that concerns the account, which costs more calls."""
