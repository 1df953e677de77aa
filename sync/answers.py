"""Answers to forms: kept with the person, for conditions, messages and profile attributes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text

from connector.scope import Scope
from sync.mapping import contact as mapping
from sync.profiles import touch


def keep(scope: Scope, person_id: int, form: str, answers: Mapping[str, Any], at: datetime) -> None:
    """What the person, whose lock the caller holds, answered at ``at``; an older answer replaces no newer one.

    Brevo is told when a question that the shop's mapping names has another answer.
    """
    given = {"shop_id": scope.shop_id, "person_id": person_id, "form": form, "at": at}
    told = orjson.dumps([{"name": name, "value": value} for name, value in answers.items()]).decode()
    changed = set(scope.connection.scalars(_KEEP, {**given, "answers": told}))
    if changed & set(mapping.answers(mapping.of_shop(scope.shop))):
        touch(scope, person_id)


_KEEP = text(
    """
WITH told AS (
    SELECT name, value FROM jsonb_to_recordset(CAST(:answers AS jsonb)) AS told (name text, value jsonb)
), before AS (
    SELECT name, value FROM form_answers
    WHERE shop_id = :shop_id AND person_id = :person_id AND name IN (SELECT name FROM told)
), kept AS (
    INSERT INTO form_answers (shop_id, person_id, name, form, value, answered_at)
    SELECT :shop_id, :person_id, name, :form, value, :at FROM told ORDER BY name
    ON CONFLICT (shop_id, person_id, name) DO UPDATE SET
        form = excluded.form, value = excluded.value, answered_at = excluded.answered_at
        WHERE excluded.answered_at >= form_answers.answered_at
    RETURNING name, value
)
SELECT kept.name FROM kept LEFT JOIN before ON before.name = kept.name
WHERE kept.value IS DISTINCT FROM before.value
"""
)
