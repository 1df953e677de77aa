"""``POST /api/events`` and ``/api/events/batch``: what the merchant's other systems tell.

The answer is 202 only after the commit. What a type of event has to look like is said by
``webhooks.topics.api_payload``; what becomes of it is the worker's business, as with any delivery.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response
from redis import Redis
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from werkzeug.exceptions import HTTPException

from connector import logging
from connector.api import openapi
from connector.api.allowance import Allowance
from connector.api.keys import Key
from connector.api.problem import Problem, not_now, too_large
from connector.api.reception import MOST_AT_ONCE, Reception, Store
from connector.api.requests import EVERY_METHOD, answer, body, key_of, only
from connector.metrics import Metrics
from connector.settings import Settings
from webhooks.topics.api_events import SOURCE
from webhooks.writer import NotStored

log = logging.get(__name__)

LARGEST_BODY = 64 * 1024


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
        return key_of(engine, settings.clock.now(), what="sk_...; `connector api-key create` makes a key")

    @routes.route("/events", methods=EVERY_METHOD)
    def one() -> Response:
        only("POST")
        key = key_of_request()
        (told,) = reception.take([body(LARGEST_BODY)], key, "")
        return answer({"id": told.id}, 202)

    @routes.route("/events/batch", methods=EVERY_METHOD)
    def many() -> Response:
        only("POST")
        key = key_of_request()
        given = body(LARGEST_BODY)
        found = given.get("events")
        if not isinstance(found, list) or not 1 <= len(found) <= MOST_AT_ONCE or len(given) > 1:
            said = f'Send {{"events": [...]}} with 1 to {MOST_AT_ONCE} events and nothing else.'
            raise Problem(422, "invalid", "Not a batch that can be taken", errors=[("/events", said)])
        return answer({"ids": [told.id for told in reception.take(found, key, "/events/{}")]}, 202)

    @routes.route("/openapi.json", methods=EVERY_METHOD)
    def described() -> Response:
        only("GET")
        return answer(openapi.document(settings.public_url), 200)

    @routes.route("/<path:_elsewhere>", methods=EVERY_METHOD)
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
