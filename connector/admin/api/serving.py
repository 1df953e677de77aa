"""``/admin-api/v1``: every act by POST and every view by GET, of the shop and with the role of the key that asks.

Which there are is said by ``connector.admin.acts.registry``, who may by ``connector.admin.access``, and what comes
along is checked by the schema that the form of the page has too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, Response, g, request
from marshmallow import Schema, ValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from werkzeug.exceptions import HTTPException

from connector import logging, shops
from connector.admin import access, revision
from connector.admin.access import Visitor
from connector.admin.acts import registry
from connector.admin.acts.act import Act, View, is_missing
from connector.admin.api import describing
from connector.admin.api.describing import BASE
from connector.admin.shown import Eyes
from connector.api.allowance import Allowance
from connector.api.keys import Key
from connector.api.problem import Problem, not_now, pointed, too_large
from connector.api.requests import EVERY_METHOD, answer, body, key_of, only
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import ConnectorError, InvalidInput
from connector.shops import Shop

log = logging.get(__name__)

_OF_ALL = "-"
"""In a tag, between what stands for the document and what stands for the whole answer."""
LARGEST_BODY = 1024 * 1024
"""Bytes: a flow comes with its messages."""


def mount(app: Flask, deps: Deps) -> None:
    """Serve the API."""
    app.register_blueprint(blueprint(deps))


def blueprint(deps: Deps) -> Blueprint:
    """The routes of all acts and views that are not for people in person only."""
    routes = Blueprint("admin_api", __name__, url_prefix=BASE)
    allowance = Allowance(deps.redis, deps.clock, deps.settings.admin_api_per_minute, "admin-api")

    for path, calls in describing.by_path(registry.acts(), registry.views()).items():
        names = "+".join(one.name for one in calls.values())
        routes.add_url_rule(f"/{path}", names, _calling(deps, allowance, calls), methods=list(EVERY_METHOD))

    @routes.route("/openapi.json", methods=EVERY_METHOD)
    def described() -> Response:
        only("GET")
        return answer(describing.document(deps.settings.public_url, registry.acts(), registry.views()), 200)

    @routes.route("/", defaults={"_elsewhere": ""}, endpoint="nothing", methods=EVERY_METHOD)
    @routes.route("/<path:_elsewhere>", endpoint="nothing", methods=EVERY_METHOD)
    def nothing(_elsewhere: str) -> Response:
        raise _not_found(f"{BASE}/openapi.json says which addresses there are.")

    @routes.errorhandler(Problem)
    def refused(problem: Problem) -> Response:
        return problem.response()

    @routes.errorhandler(HTTPException)
    def unusual(error: HTTPException) -> Response:
        return refused(too_large(LARGEST_BODY) if error.code == 413 else Problem(error.code or 500, "http", error.name))

    @routes.errorhandler(revision.Outdated)
    def outdated(error: revision.Outdated) -> Response:
        return Problem(409, "outdated", "Changed meanwhile", str(error)).response()

    @routes.errorhandler(InvalidInput)
    def wrong(error: InvalidInput) -> Response:
        return Problem(422, "refused", "Cannot be done like that", _unmasked_for_the_role(error)).response()

    @routes.errorhandler(ConnectorError)
    def no_answer(error: ConnectorError) -> Response:
        said = "Shopify or Brevo did not answer as expected: try again in a few minutes."
        log.warning("admin_api_no_answer", error=type(error).__name__)
        return Problem(502, "platform", said, Eyes(False).text(error)).response()

    @routes.errorhandler(LookupError)
    def missing(error: LookupError) -> Response:
        return _not_found().response() if is_missing(error) else failed(error)

    @routes.errorhandler(OperationalError)
    @routes.errorhandler(NoConnection)
    def not_reached(error: Exception) -> Response:
        log.warning("admin_api_not_reached", error=type(error).__name__)
        return not_now().response()

    @routes.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        log.error("request_failed", exc_info=error)
        return Problem(500, "fault", "Something went wrong here", "Try again later.").response()

    return routes


def _calling(deps: Deps, allowance: Allowance, calls: Mapping[str, Act | View]) -> Any:
    """The view function of one address. ``calls``: by the method that asks for it."""

    def call(**path: Any) -> Response:
        key = key_of(
            deps.engine, deps.clock.now(), what="ak_...; `connector api-key create --role` makes one", admin=True
        )
        if (wait := allowance.take(f"{key.shop_id}:{key.id}", 1)) is not None:
            said = f"This key has asked all that it may in a minute: try again in {wait} s."
            raise Problem(429, "too-many", "Too many calls", said, headers={"Retry-After": str(wait)})
        offered = calls.get(request.method)
        if offered is None:
            methods = ", ".join(sorted(calls))
            raise Problem(405, "method", "Not done that way", f"Use {methods}.", headers={"Allow": methods})
        visitor = g.visitor = _visitor(key)
        if not visitor.may_ask(f"admin.{offered.name}"):
            least = access.ROUTES[f"admin.{offered.name}"]
            said = f"This key may do what the role {visitor.role} may; this takes {least}."
            raise Problem(403, "role", "Not allowed", said)
        _check_path(path)
        with transaction(deps.engine) as connection:
            shop = shops.load(connection, key.shop_id)
        if isinstance(offered, Act):
            return _do(deps, shop, visitor, offered, path)
        return _read(deps, shop, visitor, offered, path)

    return call


def _do(deps: Deps, shop: Shop, visitor: Visitor, act: Act, path: Mapping[str, Any]) -> Response:
    fields = body(LARGEST_BODY) if act.fields is not None or request.content_length else {}
    tag = _tag(request.headers.get("If-Match"))
    seen = None if tag is None else tag.partition(_OF_ALL)[0]
    if seen is not None and act.fields is not None and "seen" in act.fields.fields:
        fields.setdefault("seen", seen)
    given = _loaded(act.fields, fields)
    return answer(describing.plain(act.do(deps, shop, visitor, {**given, **path})), 200)


def _read(deps: Deps, shop: Shop, visitor: Visitor, view: View, path: Mapping[str, Any]) -> Response:
    if view.by_body:
        given = _loaded(view.query, body(LARGEST_BODY))
        return answer(describing.plain(view.read(deps, shop, visitor, {**given, **path})), 200)
    given = _loaded(view.query, {name: text for name, text in request.args.items() if text.strip()})
    found = describing.plain(view.read(deps, shop, visitor, {**given, **path}))
    # What a change is made for comes first; what else is read there may be new while that is not.
    tag = f"{found['seen']}{_OF_ALL}{revision.of(found)}" if found.get("seen") else revision.of(found)
    if _tag(request.headers.get("If-None-Match")) == tag:
        return Response(status=304, headers={"ETag": f'"{tag}"'})
    return answer(found, 200, {"ETag": f'"{tag}"'})


def _visitor(key: Key) -> Visitor:
    # A role that is none any more lets nobody do anything.
    role = key.role if key.role in access.ROLES else access.READ_ONLY
    return Visitor(f"api-key:{key.id}", key.name, role, frozenset({key.shop_id}))


def _loaded(schema: Schema | None, given: Mapping[str, Any]) -> dict[str, Any]:
    if schema is None:
        schema = Schema()
    if describing.is_too_large(given):
        raise Problem(422, "invalid", "A number is too large", "Whole numbers lie between -2^63 and 2^63.")
    if any("\x00" in text for text in given.values() if isinstance(text, str)):
        raise Problem(400, "unreadable", "Cannot be read", "contains NUL")
    try:
        loaded: dict[str, Any] = schema.load(given, unknown="raise")
    except ValidationError as error:
        errors = tuple(pointed(error.normalized_messages()))
        raise Problem(422, "invalid", "Not what is expected here", errors=errors) from error
    return loaded


def _check_path(path: Mapping[str, Any]) -> None:
    """What no row of ours can be called is not found."""
    if any("\x00" in value if isinstance(value, str) else abs(value) >= 2**63 for value in path.values()):
        raise _not_found()


def _not_found(detail: str = "There is nothing here, or it is another shop's.") -> Problem:
    return Problem(404, "not-found", "Not found", detail)


def _tag(header: str | None) -> str | None:
    return None if header is None else header.strip().removeprefix("W/").strip('"')


def _unmasked_for_the_role(error: InvalidInput) -> str:
    """The sentence, in which an address may be quoted."""
    visitor: Visitor | None = g.get("visitor")
    return Eyes(visitor is not None and visitor.sees_addresses).text(error)
