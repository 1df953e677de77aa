"""Messages in a frame of the admin: as pages of their own, which can do nothing and load nothing but pictures.

What a message holds was written by others, and it brings its styles along, which the admin's own policy forbids. So it
is asked for by the ``src`` of a sandboxed frame and has a policy of its own.
"""

from __future__ import annotations

from flask import Response, g, make_response, request

from connector.admin import visiting
from connector.admin.frame import asking


def framed(html: str) -> Response:
    """This document, for ``<iframe sandbox src=...>`` in a page of ours."""
    g.framed_message = True
    answer = make_response(html)
    answer.content_type = "text/html; charset=utf-8"
    return answer


def frame_args() -> dict[str, str]:
    """What the address of a frame carries besides: inside the Shopify admin, where a frame brings no header along, the
    session token of the page that it is in."""
    token = visiting.session_token_of(request) if asking().visitor.embedded else None
    return {"id_token": token} if token else {}
