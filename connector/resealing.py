"""Changing keys: everything that is sealed is sealed again with the newest key, a batch at a time.

It may be killed at any moment and begun again: a batch is one transaction, and what the newest key opens already is
left alone. Processes go on meanwhile, because they read with every key that they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Table, bindparam, select, tuple_, update

from connector.db.session import transaction
from connector.errors import ConfigurationError
from connector.models.brevo import brevo_grants
from connector.models.outgoing import webhook_endpoints
from connector.models.privacy import person_exports, privacy_requests
from connector.models.shop import shops
from connector.models.staff import staff
from connector.secrets import Secrets

# Table -> its columns that hold something sealed. A test looks that none is missing.
SEALED: Mapping[Table, tuple[str, ...]] = {
    shops: ("shopify_token", "shopify_secret", "shopify_refresh", "shopify_refresh_before", "brevo_key"),
    brevo_grants: ("brevo_token", "brevo_refresh", "brevo_refresh_before"),
    privacy_requests: ("sealed",),
    person_exports: ("sealed",),
    webhook_endpoints: ("secret", "secret_before"),
    staff: ("second_factor", "second_factor_next"),
}
BATCH = 200


@dataclass
class Progress:
    """How many secrets were sealed again, how many were already, and which no key opens ("table.column of ...")."""

    sealed: int = 0
    already: int = 0
    unreadable: list[str] = field(default_factory=list)


def reseal(engine: Engine, secrets: Secrets, told: Callable[[Progress], None] = lambda _: None) -> Progress:
    """Seal everything with the newest key. ``told`` hears how far it is, after each batch."""
    progress = Progress()
    for table, columns in SEALED.items():
        after: tuple[Any, ...] | None = None
        while (after := _batch(engine, secrets, table, columns, after, progress)) is not None:
            told(progress)
    return progress


def _batch(
    engine: Engine,
    secrets: Secrets,
    table: Table,
    columns: tuple[str, ...],
    after: tuple[Any, ...] | None,
    progress: Progress,
) -> tuple[Any, ...] | None:
    """The rows behind ``after`` by their key; the key of the last, None at the end."""
    key = list(table.primary_key.columns)
    # Locked, so that a token that is renewed meanwhile is neither lost nor written over.
    wanted = select(*key, *(table.c[name] for name in columns)).order_by(*key).limit(BATCH).with_for_update()
    if after is not None:
        wanted = wanted.where(tuple_(*key) > tuple_(*(bindparam(f"after_{n}", value) for n, value in enumerate(after))))
    with transaction(engine) as connection:
        rows = connection.execute(wanted).mappings().all()
        for row in rows:
            changed = {}
            for name in columns:
                if (sealed := row[name]) is None:
                    continue
                if secrets.is_newest(sealed):
                    progress.already += 1
                    continue
                try:
                    changed[name] = secrets.rotate(sealed)
                except ConfigurationError:
                    progress.unreadable.append(f"{table.name}.{name} of {'/'.join(str(row[one.name]) for one in key)}")
            if changed:
                same = [one == row[one.name] for one in key]
                connection.execute(update(table).where(*same).values(**changed))
                progress.sealed += len(changed)
    return tuple(rows[-1][one.name] for one in key) if rows else None
