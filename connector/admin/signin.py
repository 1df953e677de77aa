"""Signing in and out, stand-alone. The cookie only carries a token; the session itself is a row that can be ended.

With a second factor the password opens nothing yet: for a few minutes the cookie says, signed, whose password was
right, and the session begins with the code.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from connector import audit
from connector.admin import accounts, second_factor, sessions, visiting
from connector.admin.accounts import Account
from connector.admin.forms import HOME, safe_next
from connector.admin.frame import asking
from connector.admin.throttle import Throttle
from connector.db.session import transaction
from connector.deps import Deps

HALF_SECONDS = 300
"""Machine seconds after the password in which the code may come."""

_HALF = "half"


def add_routes(routes: Blueprint, deps: Deps, throttle: Throttle) -> None:
    @routes.get("/sign-in")
    def sign_in() -> str | Response:
        if visiting.member(deps.engine, deps.clock) is not None:
            return redirect(HOME, 303)
        return _page(request.args.get("next"))

    def enter() -> tuple[str, int] | Response:
        """The answer is the same, and takes the same time, whether the account or the password is wrong."""
        email, password = request.form.get("email", ""), request.form.get("password", "")
        target = safe_next(request.form.get("next"))
        with transaction(deps.engine) as connection:
            account = accounts.find(connection, email)
            stored = None if account is None else accounts.stored_hash(connection, account)
        if not accounts.is_right(stored, password[: accounts.LONGEST + 1]) or account is None:
            return _page(target, email, wrong=True), 401
        # What a visitor brought along from before does not go on: neither a session nor a form's token.
        session.clear()
        if account.second_factor:
            machine = deps.clock.machine()
            session[_HALF] = {"email": account.email, "of": _mark(stored), "real": machine.timestamp()}
            return redirect(url_for("admin.second_factor", next=target), 303)
        return begin(account, target, None)

    def begin(account: Account, target: str, by: str | None) -> Response:
        """The session, once everything is proven. ``by``: the second factor."""
        with transaction(deps.engine) as connection:
            token = sessions.start(connection, account, deps.clock.machine())
            audit.record(
                connection,
                actor=account.actor,
                act="session.begin",
                object_kind="staff",
                object_id=account.id,
                detail={"second_factor": by} if by else {},
                now=deps.clock.now(),
            )
        session.clear()
        session[visiting.TOKEN] = token
        answer = make_response(redirect(target, 303))
        throttle.mark(answer, account.email)
        return answer

    @routes.get("/sign-in/code", endpoint="second_factor")
    def asked_for_code() -> str | Response:
        with transaction(deps.engine) as connection:
            account = _half_way(connection, deps.clock.machine())
        if account is None:
            return redirect(url_for("admin.sign_in", next=request.args.get("next")), 303)
        return _code_page(request.args.get("next"))

    def prove() -> tuple[str, int] | Response:
        target = safe_next(request.form.get("next"))
        machine = deps.clock.machine()
        with transaction(deps.engine) as connection:
            account = _half_way(connection, machine)
            if account is None:
                return redirect(url_for("admin.sign_in", next=target), 303)
            by = second_factor.proves(connection, deps.secrets, account, request.form.get("code", ""), machine)
        return (_code_page(target, wrong=True), 401) if by is None else begin(account, target, by)

    @routes.get("/confirm")
    def confirm() -> str:
        """Somebody who signed in a while ago wants to do what asks for a fresh proof."""
        return _confirm_page(request.args.get("next"))

    def confirmed() -> tuple[str, int] | Response:
        target, machine, token = safe_next(request.form.get("next")), deps.clock.machine(), visiting.token()
        with transaction(deps.engine) as connection:
            found = sessions.of(connection, token, machine)
            stored = None if found is None else accounts.stored_hash(connection, found.account)
        if found is None:
            # In the Shopify admin: each request proves it.
            return redirect(target, 303)
        if not accounts.is_right(stored, request.form.get("password", "")[: accounts.LONGEST + 1]):
            return _confirm_page(target, wrong=True), 401
        with transaction(deps.engine) as connection:
            code = request.form.get("code", "")
            if found.account.second_factor and not second_factor.proves(
                connection, deps.secrets, found.account, code, machine
            ):
                return _confirm_page(target, wrong=True), 401
            sessions.prove(connection, token, machine)
        joined = "&" if "?" in target else "?"
        return redirect(f"{target}{joined}note=proven", 303)

    for rule, name, view in (
        ("/sign-in", "enter", throttle.limited(enter)),
        ("/sign-in/code", "prove", throttle.limited(prove, _email_half_way)),
        ("/confirm", "confirmed", throttle.limited(confirmed, lambda: asking().visitor.name)),
    ):
        routes.add_url_rule(rule, name, view, methods=["POST"])

    @routes.post("/sign-out")
    def sign_out() -> Response:
        visitor = asking().visitor
        with transaction(deps.engine) as connection:
            sessions.end(connection, visiting.token())
            audit.record(
                connection,
                actor=visitor.actor,
                act="session.end",
                object_kind="staff",
                object_id=visitor.actor.rpartition(":")[2],
                now=deps.clock.now(),
            )
        session.clear()
        return redirect(url_for("admin.sign_in"), 303)


def _half_way(connection: Connection, machine: datetime) -> Account | None:
    """Whose password was right in this browser a short while ago, as long as it is still their password."""
    half = session.get(_HALF)
    if not isinstance(half, dict) or machine.timestamp() - float(half["real"]) > HALF_SECONDS:
        return None
    account = accounts.find(connection, str(half["email"]))
    if account is None or not account.second_factor:
        return None
    return account if _mark(accounts.stored_hash(connection, account)) == half["of"] else None


def _email_half_way() -> str:
    half = session.get(_HALF)
    return str(half["email"]) if isinstance(half, dict) else ""


def _mark(stored: str | None) -> str:
    """What stands in the cookie for a password: another one ends what was half done."""
    return sha256((stored or "").encode()).hexdigest()[:16]


def _page(target: str | None, email: str = "", *, wrong: bool = False) -> str:
    return render_template("admin/sign_in.html", next=safe_next(target), email=email, wrong=wrong)


def _code_page(target: str | None, *, wrong: bool = False) -> str:
    return render_template("admin/sign_in_code.html", next=safe_next(target), wrong=wrong)


def _confirm_page(target: str | None, *, wrong: bool = False) -> str:
    return render_template("admin/confirm.html", next=safe_next(target), wrong=wrong)
