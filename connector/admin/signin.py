"""Signing in and out, stand-alone. The cookie only carries a token; the session itself is a row that can be ended."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from connector import audit
from connector.admin import accounts, sessions, visiting
from connector.admin.forms import HOME, safe_next
from connector.admin.frame import asking
from connector.admin.throttle import Throttle
from connector.db.session import transaction
from connector.deps import Deps


def add_routes(routes: Blueprint, deps: Deps, throttle: Throttle) -> None:
    @routes.get("/sign-in")
    def sign_in() -> str | Response:
        if visiting.member(deps.engine, deps.clock) is not None:
            return redirect(HOME, 303)
        return _page(request.args.get("next"))

    @throttle.limited
    def enter() -> tuple[str, int] | Response:
        """The answer is the same, and takes the same time, whether the account or the password is wrong."""
        email, password = request.form.get("email", ""), request.form.get("password", "")
        with transaction(deps.engine) as connection:
            account = accounts.find(connection, email)
            stored = None if account is None else accounts.stored_hash(connection, account)
        if not accounts.is_right(stored, password[: accounts.LONGEST + 1]) or account is None:
            return _page(request.form.get("next"), email, wrong=True), 401
        with transaction(deps.engine) as connection:
            token = sessions.start(connection, account, deps.clock.machine())
            audit.record(
                connection,
                actor=account.actor,
                act="session.begin",
                object_kind="staff",
                object_id=account.id,
                now=deps.clock.now(),
            )
        # What a visitor brought along from before does not go on: neither a session nor a form's token.
        session.clear()
        session[visiting.TOKEN] = token
        answer = make_response(redirect(safe_next(request.form.get("next")), 303))
        throttle.mark(answer, account.email)
        return answer

    routes.add_url_rule("/sign-in", "enter", enter, methods=["POST"])

    @routes.post("/sign-out")
    def sign_out() -> Response:
        visitor = asking().visitor
        with transaction(deps.engine) as connection:
            sessions.end(connection, str(session.get(visiting.TOKEN, "")))
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


def _page(target: str | None, email: str = "", *, wrong: bool = False) -> str:
    return render_template("admin/sign_in.html", next=safe_next(target), email=email, wrong=wrong)
