"""One's own account: the second factor and its recovery codes. An owner of every shop also takes it from others, who
have lost it."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, abort, redirect, render_template, url_for
from markupsafe import Markup
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from connector.admin import accounts, forms, second_factor, sessions, visiting
from connector.admin.accounts import Account
from connector.admin.acts.act import Nothing
from connector.admin.frame import asking
from connector.admin.throttle import Throttle
from connector.db.session import transaction
from connector.deps import Deps
from connector.errors import InvalidInput


class _Code(Schema):
    code = fields.String(required=True, validate=validate.Length(max=second_factor.LONGEST))


def add_routes(routes: Blueprint, deps: Deps, throttle: Throttle) -> None:
    @routes.get("/account")
    def account() -> str:
        visitor = asking().visitor
        with transaction(deps.engine) as connection:
            own = _own(connection)
            left = second_factor.recovery_codes_left(connection, own) if own else 0
        return render_template(
            "admin/account.html",
            own=own,
            left=left,
            least=second_factor.RECOVERY_CODES // 3,
            needed=deps.settings.admin_require_second_factor and not visitor.second_factor,
            required=deps.settings.admin_require_second_factor,
        )

    @routes.post("/account/second-factor")
    def begin_second_factor() -> str:
        """Shows the picture and the secret. They are made anew each time, so one that was left lying about is of no
        use."""
        forms.posted(Nothing())
        with transaction(deps.engine) as connection:
            own = _mine(connection)
            _check_free(own)
            secret = second_factor.wanted(connection, deps.secrets, own)
        return _set_up(own, secret)

    def finish_second_factor() -> str:
        code = forms.posted(_Code())["code"]
        with transaction(deps.engine) as connection:
            own = _mine(connection)
            _check_free(own)
            codes = second_factor.finish(
                connection, deps.secrets, own, code, machine=deps.clock.machine(), actor=own.actor, now=deps.clock.now()
            )
            # Whoever else is signed in has not shown a code.
            sessions.end_others(connection, own, visiting.token())
        return _codes(codes)

    def renew_recovery_codes() -> str:
        with transaction(deps.engine) as connection:
            own = _proven(connection)
            codes = second_factor.renew_recovery_codes(connection, own)
        return _codes(codes)

    def drop_second_factor() -> Response:
        with transaction(deps.engine) as connection:
            own = _proven(connection)
            second_factor.drop(connection, own, actor=own.actor, now=deps.clock.now())
        return redirect(url_for("admin.account", note="second_factor_dropped"), 303)

    @routes.post("/staff/<int:staff_id>/reset-second-factor")
    def reset_second_factor(staff_id: int) -> Response:
        """For somebody who has lost telephone and recovery codes."""
        visitor = asking().visitor
        forms.posted(Nothing())
        if visitor.shop_ids is not None:
            abort(404)
        with transaction(deps.engine) as connection:
            found = accounts.load(connection, staff_id)
            if found is None:
                abort(404)
            second_factor.drop(connection, found, actor=visitor.actor, now=deps.clock.now())
            sessions.end_all(connection, found)
        return redirect(url_for("admin.installation", note="second_factor_reset"), 303)

    def _proven(connection: Connection) -> Account:
        """The one who asks, who has shown a code of the factor they have. Raises InvalidInput."""
        code = forms.posted(_Code())["code"]
        own = _mine(connection)
        if second_factor.proves(connection, deps.secrets, own, code, deps.clock.machine()) is None:
            raise InvalidInput(second_factor.WRONG)
        return own

    def _own(connection: Connection) -> Account | None:
        found = sessions.of(connection, visiting.token(), deps.clock.machine())
        return None if found is None or asking().visitor.embedded else found.account

    def _mine(connection: Connection) -> Account:
        own = _own(connection)
        if own is None:
            # In the Shopify admin, which signs people in itself.
            abort(404)
        return own

    for view in (finish_second_factor, renew_recovery_codes, drop_second_factor):
        rule = f"/account/{view.__name__.replace('_', '-')}"
        limited = throttle.limited(view, lambda: asking().visitor.name)
        routes.add_url_rule(rule, view.__name__, limited, methods=["POST"])


def _check_free(own: Account) -> None:
    if own.second_factor:
        raise InvalidInput(second_factor.ALREADY)


def _set_up(own: Account, secret: str) -> str:
    # Ours, made of nothing but lines.
    drawn = Markup(second_factor.picture(own, secret))  # noqa: S704
    grouped = " ".join(secret[n : n + 4] for n in range(0, len(secret), 4))
    return render_template("admin/second_factor.html", picture=drawn, secret=grouped)


def _codes(codes: Sequence[str]) -> str:
    return render_template("admin/recovery_codes.html", codes=codes)
