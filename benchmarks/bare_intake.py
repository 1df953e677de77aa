"""Baseline: the least that a Flask handler can do with a webhook. It verifies and forgets."""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import sha256

from flask import Flask, Response, request

from benchmarks.orders import SECRET

app = Flask(__name__)


@app.post("/webhooks/shopify")
def receive() -> Response:
    body = request.get_data()
    expected = b64encode(hmac.digest(SECRET.encode(), body, sha256))
    given = request.headers.get("X-Shopify-Hmac-Sha256", "").encode()
    return Response(status=200 if hmac.compare_digest(expected, given) else 401)
