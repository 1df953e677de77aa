"""The web process as it runs: the intake in front, the API behind it, one writer for both."""

from __future__ import annotations

from pathlib import Path

import orjson

from connector.models.inbox import inbox
from tests.api.teller import key_of
from tests.engine.installation import ConnectedShop
from tests.intake.webprocess import WebProcess


def test_202_means_a_row_whatever_happens_to_the_process(shop: ConnectedShop, redis_url: str, tmp_path: Path) -> None:
    key = key_of(shop)
    body = {"id": "ev-1", "type": "login", "person": {"email": "ann@example.com"}}
    with WebProcess(shop.deps.settings.database_url, redis_url, tmp_path / "web.log") as web:

        def post(raw: bytes) -> int:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            return int(web.session.post(f"{web.address}/api/events", raw, headers=headers, timeout=5).status_code)

        assert post(orjson.dumps(body)) == 202
        web.kill()
    assert [(row.source, row.external_id) for row in shop.rows(inbox)] == [("api", "ev-1")]
