"""What reports say of a number on WhatsApp, for a day: that somebody wrote from it, that Meta says it has had enough.

Kept by digest and not by person: a number may be a family's, and reports name it before anybody is known by it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from connector.brevo.whatsapp_errors import REST
from connector.models.whatsapp import whatsapp_numbers
from connector.scope import Scope
from connector.suppression import address_digest
from sync.reports.report import Report

# For how long text may be sent after an answer (Meta), and no shorter than what is waited for.
_OF_USE = max(timedelta(hours=24), REST)


def heard(scope: Scope, report: Report) -> None:
    """Keep what this report says of its number, if it does. What was heard before in another order stays."""
    if report.channel != "whatsapp" or report.address is None:
        return
    if report.event == "message_replied":
        _keep(scope, report, "replied_at", report.at)
    elif report.has_had_enough:
        _keep(scope, report, "wait_until", report.at + REST)


def _keep(scope: Scope, report: Report, column: str, moment: Any) -> None:
    row = {
        "shop_id": scope.shop_id,
        "number_digest": address_digest(scope.shop.salt, report.address or ""),
        column: moment,
        "of_use_until": report.at + _OF_USE,
    }
    statement = insert(whatsapp_numbers).values(row)
    # PostgreSQL's greatest passes over NULL.
    later = {
        name: func.greatest(whatsapp_numbers.c[name], statement.excluded[name]) for name in (column, "of_use_until")
    }
    scope.connection.execute(statement.on_conflict_do_update(index_elements=["shop_id", "number_digest"], set_=later))
