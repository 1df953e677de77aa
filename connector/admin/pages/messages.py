"""Every message: what became of it and why, what it looked like, and what was reported of it."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template

from connector.admin import flow_words, forms, messages, people, reasons
from connector.admin.acts import messages as acts
from connector.admin.frame import asking, shop
from connector.admin.shown import harmless, harmless_text
from connector.admin.shown_messages import framed
from connector.db.session import reading, transaction
from connector.deps import Deps
from connector.scope import Scope
from flows.channels import CHANNELS
from flows.core.reasons import OBJECTIONS


def add_routes(routes: Blueprint, deps: Deps) -> None:
    @routes.get("/shops/<int:shop_id>/messages", endpoint="messages")
    def listed(shop_id: int) -> str:
        asked = forms.asked(acts.Asked())
        wanted = acts.filter_of(asked)
        with transaction(deps.engine) as connection:
            if wanted.person is not None and not people.is_there(connection, shop_id, wanted.person):
                abort(404)
            found = messages.listed(connection, shop(), wanted, asked["after"])
            flows = people.flows_of_shop(connection, shop())
        return render_template(
            "admin/messages.html",
            found=found,
            asked=asked,
            flows=flows,
            flow_names={row.flow: row.name for row in flows},
            channels={name: flow_words.CHANNELS.get(name, name) for name in sorted(CHANNELS)},
            objections=OBJECTIONS,
            reasons=reasons,
            words=flow_words,
        )

    @routes.get("/shops/<int:shop_id>/messages/<int:message_id>")
    def message(shop_id: int, message_id: int) -> str:
        with transaction(deps.engine) as connection:
            known = messages.read(connection, shop(), message_id)
        if known is None:
            abort(404)
        content, names = _content(deps, message_id), (known.person.first_name, known.person.last_name)
        return render_template(
            "admin/message.html",
            known=known,
            content=content,
            names=names,
            then=(*names, *content.names),
            harmless_text=harmless_text,
            reasons=reasons,
            words=flow_words,
        )

    @routes.get("/shops/<int:shop_id>/messages/<int:message_id>/content")
    def message_content(shop_id: int, message_id: int) -> Response:
        """The message itself, for a frame: without links, and masked for whom may not see people whole."""
        with transaction(deps.engine) as connection:
            known = messages.read(connection, shop(), message_id)
        if known is None:
            abort(404)
        names = (known.person.first_name, known.person.last_name)
        found = _content(deps, message_id)
        shown = harmless(found.html, asking().eyes, *names, *found.names)
        return framed(shown or "<!doctype html><title>Empty</title>")


def _content(deps: Deps, message_id: int) -> messages.Content:
    with reading(deps.engine) as connection:
        scope = Scope(connection, shop(), deps.clock.now(), deps.clock.machine(), deps.settings)
        return messages.content(scope, message_id)
