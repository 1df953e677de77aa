"""The registry of checks, in the order in which they are made. Adding one is a file here and a line below."""

from __future__ import annotations

from connector.doctor.checks import (
    attributes,
    brevo,
    brevo_webhooks,
    clock,
    commerce,
    consent,
    database_time,
    disk,
    environment,
    lags,
    leases,
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
    store.CHECK,
    scopes.CHECK,
    store_webhooks.CHECK,
    brevo.CHECK,
    senders.CHECK,
    attributes.CHECK,
    consent.CHECK,
    brevo_webhooks.CHECK,
    commerce.CHECK,
    platform_time.CHECK,
    pauses.CHECK,
    leases.CHECK,
    stopped.CHECK,
)
