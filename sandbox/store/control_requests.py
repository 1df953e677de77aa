"""Reading what is sent to the control API."""

from __future__ import annotations

from typing import Any

from flask import Request


def body_of(request: Request) -> dict[str, Any]:
    """The JSON object that was sent, empty when nothing was. Raises ValueError."""
    body = request.get_json(silent=True) if request.data else {}
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body
