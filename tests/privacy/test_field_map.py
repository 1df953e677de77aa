"""Every table and column says what it holds of a person."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Column, MetaData, Table, Text

import connector.models
from connector.db.schema import metadata
from connector.models.store import checkouts
from sync.privacy.field_map import FIELD_MAP, faults
from sync.privacy.held import Blank, Keep

assert connector.models


def test_every_table_and_column_is_declared() -> None:
    assert faults(metadata) == []


def test_what_is_not_declared_is_found() -> None:
    grown = MetaData()
    for table in metadata.tables.values():
        table.to_metadata(grown)
    Table("diaries", grown, Column("entry", Text))
    declared = [replace(one, table=grown.tables[one.name]) if one.name in grown.tables else one for one in FIELD_MAP]
    grown.tables["checkouts"].append_column(Column("birthday", Text))
    assert faults(grown, declared) == ["diaries: not declared", "checkouts.birthday: not declared"]
    (mine,) = [one for one in FIELD_MAP if one.table is checkouts]
    assert replace(mine, found=None).faults() == ["checkouts: nothing says how rows of a person are found"]
    assert replace(mine, fate=Keep("why not")).faults() == ["checkouts: kept with personal columns"]
    assert "checkouts.email: personal and not blanked" in replace(mine, fate=Blank("why not", {})).faults()
