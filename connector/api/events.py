"""``POST /api/events`` and ``/api/events/batch``: what the merchant's other systems tell.

The answer is 202 only after the commit. What a type of event has to look like is said by
``webhooks.topics.api_payload``; what becomes of it is the worker's business, as with any delivery.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from flask import Blueprint, Response, request
from redis import Redis
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from werkzeug.exceptions import HTTPException

from connector import logging
from connector.api import keys, openapi
from connector.api.allowance import Allowance
from connector.api.keys import Key
from connector.api.problem import UNREADABLE, Problem, no_key, not_now, too_large
from connector.api.reception import MOST_AT_ONCE, Reception, Store
from connector.db.session import transaction
from connector.metrics import Metrics
from connector.settings import Settings
from webhooks.process import Unreadable, read
from webhooks.topics.api_events import SOURCE
from webhooks.writer import NotStored

log = logging.get(__name__)

LARGEST_BODY = 64 * 1024
_EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def blueprint(
    settings: Settings,
    engine: Engine,
    redis: Redis,
    metrics: Metrics,
    *,
    store: Store,
    ring: Callable[[str, int], None],
) -> Blueprint:
    """The routes. ``ring(kind, shop_id)`` is called after the commit."""
    routes = Blueprint("api", __name__, url_prefix="/api")
    allowance = Allowance(redis, settings.clock, settings.api_events_per_minute)
    reception = Reception(settings, engine, allowance, metrics, store, ring)

    def key_of_request() -> Key:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        found = None
        if scheme.lower() == "bearer":
            with transaction(engine) as connection:
                found = keys.presented(connection, text.strip(), settings.clock.now())
        if found is None:
            raise no_key()
        return found

    @routes.route("/events", methods=_EVERY_METHOD)
    def one() -> Response:
        _only("POST")
        key = key_of_request()
        (told,) = reception.take([_body()], key, "")
        return _answer({"id": told.id}, 202)

    @routes.route("/events/batch", methods=_EVERY_METHOD)
    def many() -> Response:
        _only("POST")
        key = key_of_request()
        body = _body()
        found = body.get("events")
        if not isinstance(found, list) or not 1 <= len(found) <= MOST_AT_ONCE or len(body) > 1:
            said = f'Send {{"events": [...]}} with 1 to {MOST_AT_ONCE} events and nothing else.'
            raise Problem(422, "invalid", "Not a batch that can be taken", errors=[("/events", said)])
        return _answer({"ids": [told.id for told in reception.take(found, key, "/events/{}")]}, 202)

    @routes.route("/openapi.json", methods=_EVERY_METHOD)
    def described() -> Response:
        _only("GET")
        return _answer(openapi.document(settings.public_url), 200)

    @routes.route("/<path:_elsewhere>", methods=_EVERY_METHOD)
    def nothing(_elsewhere: str) -> Response:
        raise Problem(
            404, "not-found", "Not found", "The API has /api/events, /api/events/batch and /api/openapi.json."
        )

    @routes.errorhandler(Problem)
    def refused(problem: Problem) -> Response:
        if problem.status in (401, 413):
            metrics.webhook(SOURCE, "refused" if problem.status == 401 else "too_large")
        return problem.response()

    @routes.errorhandler(HTTPException)
    def unusual(error: HTTPException) -> Response:
        return refused(too_large(LARGEST_BODY) if error.code == 413 else Problem(error.code or 500, "http", error.name))

    @routes.errorhandler(NotStored)
    @routes.errorhandler(OperationalError)
    @routes.errorhandler(NoConnection)
    def not_stored(error: Exception) -> Response:
        log.warning("api_not_stored", error=type(error).__name__)
        metrics.webhook(SOURCE, "not_stored")
        return not_now().response()

    @routes.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        log.error("request_failed", exc_info=error)
        return Problem(500, "fault", "Something went wrong here", "Send the same again later.").response()

    return routes


def _only(method: str) -> None:
    if request.method != method:
        raise Problem(405, "method", "Not done that way", f"Use {method}.", headers={"Allow": method})


def _body() -> dict[str, Any]:
    """The JSON object of the request. Raises Problem."""
    if (request.content_length or 0) > LARGEST_BODY or len(raw := request.get_data(cache=False)) > LARGEST_BODY:
        raise too_large(LARGEST_BODY)
    if request.mimetype != "application/json":
        raise Problem(415, "no-json", "Not JSON", UNREADABLE)
    try:
        body = read(raw)
    except Unreadable as error:
        raise Problem(400, "unreadable", "Cannot be read", f"{error}. {UNREADABLE}") from error
    if not isinstance(body, dict):
        raise Problem(400, "unreadable", "Not an object", UNREADABLE)
    return body


def _answer(body: Any, status: int) -> Response:
    return Response(orjson.dumps(body), status, mimetype="application/json")
