"""From a request to its answer: faults, key, rate limit, route, body, handler, and the line in the log."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import orjson
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule

from sandbox.provider.access.credentials import Credential
from sandbox.provider.access.oauth import read_form
from sandbox.provider.control.calls import Control
from sandbox.provider.faults import Fault
from sandbox.provider.limits import bucket_of
from sandbox.provider.platform import Platform
from sandbox.provider.routes import ROUTES
from sandbox.provider.shapes import check
from sandbox.provider.site import Site
from sandbox.provider.wire import Answer, Call, Refusal, Route

BASE = "/v3"
FAULT_CODES = {401: ("unauthorized", "Key not found"), 429: ("too_many_requests", "Too many requests")}
HTML = b"<!DOCTYPE html><html><body><h1>One moment, please</h1></body></html>"


@dataclass(frozen=True)
class Request:
    """`target` is the raw path and query; `read` fetches the body from the connection when it is wanted."""

    method: str
    target: str
    headers: Message
    peer: str
    read: Callable[[], bytes]
    first_byte_at: float


@dataclass(frozen=True)
class Reply:
    """What to put on the wire: `content` as a `whole` answer, its first `half`, or `nothing` (close)."""

    status: int = 0
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    send: str = "whole"


class Api:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._control = Control(platform)
        self._site = Site(platform)
        # Paths are matched as they came, still encoded, so that a quoted slash stays inside its segment.
        rules = [Rule(r.path, methods=[r.method], endpoint=r) for r in ROUTES]
        self._map = Map(rules, merge_slashes=False, strict_slashes=False).bind("provider")

    def reply(self, request: Request) -> Reply:
        parts = urlsplit(request.target)
        if parts.path.startswith("/_control/"):
            return self._as_reply(self._control.answer(request.method, parts.path, parts.query, request))
        found = self._site.answer(request.method, parts.path, request.peer)
        if found is not None:
            request.read()
            return self._as_reply(found)
        if parts.path.startswith("/oauth/"):
            return self._oauth(request, parts.path, parts.query)
        return self._provider(request, parts.path, parse_qs(parts.query, keep_blank_values=True))

    def _provider(self, request: Request, path: str, query: dict[str, list[str]]) -> Reply:
        caller: Credential | Answer
        try:
            caller = self._platform.credentials.of_request(request.headers)
        except Refusal as stranger:
            caller = stranger.answer
        account = caller.account.key if isinstance(caller, Credential) else None
        entry: dict[str, Any] = {"account": account, "method": request.method, "path": path}

        def work(body: bytes) -> Answer:
            if isinstance(caller, Answer):
                return caller
            return self._work(request, path, query, caller, body, entry)

        fault = self._platform.faults.strike(request.method, path.removeprefix(BASE), account)
        return self._through(fault, request, entry, work)

    def _oauth(self, request: Request, path: str, query: str) -> Reply:
        body = request.read()
        form = read_form(request.headers.get("Content-Type", ""), body) if body else dict(parse_qsl(query))
        oauth = self._platform.oauth
        account = oauth.account_of(form)
        entry: dict[str, Any] = {"account": account, "method": request.method, "path": path}

        def work(body: bytes) -> Answer:
            answer, about = oauth.answer(request.method, path, form)
            entry["remark"] = about
            return answer

        return self._through(self._platform.faults.strike(request.method, path, account), request, entry, work)

    def _through(
        self, fault: Fault | None, request: Request, entry: dict[str, Any], work: Callable[[bytes], Answer]
    ) -> Reply:
        """Do the work as the fault, if any, lets it be done; the log has it before the answer leaves."""
        if fault:
            entry["fault"] = fault.kind
        if fault and fault.kind == "cut":
            self._log(request, entry, None, accepted=False)
            return Reply(send="nothing")
        body = request.read()
        if fault and fault.kind == "slow" and not fault.after:
            self._platform.clock.pause(fault.delay)
        if fault and fault.kind in ("status", "html"):
            reply = _spoiled(fault)
            self._log(request, entry, reply.status, accepted=False)
            return reply
        answer = work(body)
        if fault and fault.kind == "slow" and fault.after:
            self._platform.clock.pause(fault.delay)
        accepted = answer.status < 300
        if fault and fault.kind in ("accept_then_cut", "half"):
            self._log(request, entry, None, accepted=accepted)
            return self._as_reply(answer, send="nothing" if fault.kind == "accept_then_cut" else "half")
        self._log(request, entry, answer.status, accepted=accepted)
        return self._as_reply(answer)

    def _work(
        self,
        request: Request,
        path: str,
        query: dict[str, list[str]],
        caller: Credential,
        body: bytes,
        entry: dict[str, Any],
    ) -> Answer:
        clock, account = self._platform.clock, caller.account
        try:
            caller.check(request.method, path.removeprefix(BASE), request.peer, clock.wire())
        except Refusal as refusal:
            return refusal.answer
        bucket = bucket_of(request.method, path.removeprefix(BASE))
        reading = account.limiter.take(bucket, clock.wire())
        entry["bucket"] = bucket.name
        if not reading.allowed:
            code, message = FAULT_CODES[429]
            return Answer(429, {"code": code, "message": message}, reading.headers)
        try:
            route, arguments = self._route(request.method, path)
            call = Call(
                self._platform,
                account,
                caller.name,
                _parsed(route, body),
                query,
                {name: unquote(value) for name, value in arguments.items()},
                request.first_byte_at,
                clock.now(),
                len(body),
            )
            entry["remark"] = call.remark
            answer = route.handler(call)
        except Refusal as refusal:
            answer = refusal.answer
        except Exception:
            # A fault of the sandbox itself: show it, and answer as a broken server would.
            traceback.print_exc(file=sys.stderr)
            answer = Answer(500, {"code": "internal_error", "message": "The sandbox failed, see its error output"})
        return Answer(answer.status, answer.body, {**answer.headers, **reading.headers})

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        if not path.startswith(BASE + "/"):
            raise Refusal(404, "document_not_found", "Requested URL not found")
        try:
            route, arguments = self._map.match(path.removeprefix(BASE), method)
        except MethodNotAllowed:
            raise Refusal(405, "method_not_allowed", "Method not allowed") from None
        except NotFound:
            raise Refusal(404, "document_not_found", "Requested URL not found") from None
        return route, dict(arguments)

    def _log(self, request: Request, entry: dict[str, Any], status: int | None, *, accepted: bool) -> None:
        clock = self._platform.clock
        self._platform.record.add(
            "request",
            **entry,
            status=status,
            accepted=accepted,
            first_byte_at=request.first_byte_at,
            answered_at=clock.real(),
            at=clock.now(),
        )

    @staticmethod
    def _as_reply(answer: Answer, send: str = "whole") -> Reply:
        if answer.content is not None:
            return Reply(answer.status, answer.content, answer.headers, send)
        if answer.body is None:
            return Reply(answer.status, b"", answer.headers, send)
        headers = {"Content-Type": "application/json", **answer.headers}
        return Reply(answer.status, orjson.dumps(answer.body), headers, send)


def _parsed(route: Route, body: bytes) -> Any:
    if route.method not in ("POST", "PUT"):
        return None
    if not body:
        if route.shape is None or not route.body_required:
            return None
        raise Refusal(400, "bad_request", "Input must be a valid JSON object")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal(400, "bad_request", "Input must be a valid JSON object") from None
    if route.shape is not None:
        check(value, route.shape)
    return value


def _spoiled(fault: Fault) -> Reply:
    if fault.kind == "html":
        return Reply(200, HTML, {"Content-Type": "text/html"})
    code, message = FAULT_CODES.get(fault.status, ("internal_error", "Something went wrong"))
    headers = {"Content-Type": "application/json"}
    if fault.status == 429:
        headers |= {
            "x-sib-ratelimit-limit": "1",
            "x-sib-ratelimit-remaining": "0",
            "x-sib-ratelimit-reset": "1",
        }
    return Reply(fault.status, orjson.dumps({"code": code, "message": fault.message or message}), headers)
