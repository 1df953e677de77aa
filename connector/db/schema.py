"""What all table definitions share: one MetaData with a naming convention, and the column kinds in use.

No column has a server-side default time and no table reads the database's clock: ``now`` is an argument
(``tests/architecture/test_schema.py`` holds it). Columns named ``*_real`` hold machine time (leases, back-off),
all other times are business time.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, MetaData

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Moment = DateTime(timezone=True)


def shop_column() -> Column[int]:
    """``shop_id``: first in every key, so that the tables can be sharded by it."""
    return Column("shop_id", BigInteger, nullable=False)
