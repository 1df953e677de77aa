"""What code that asks a row for its columns takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

AnyRow = RowMapping | Mapping[str, Any]
"""A row by the names of its columns: as the database gave it, or made here."""
