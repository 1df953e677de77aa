"""What every answer of the web carries, and pages for what goes wrong that tell nothing about us."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files

from flask import Flask, Response, render_template
from werkzeug.exceptions import HTTPException

from connector import logging

log = logging.get(__name__)

# The style is part of the page: one request, and right under any path prefix of a proxy.
STYLE = (files("connector.web") / "templates" / "page.css").read_text(encoding="utf-8")
_SAYINGS = {
    404: ("Page not found", "This address does not exist. If it came from an email, copy it whole."),
    405: ("That does not work here", "This address cannot be used that way."),
    413: ("Too large", "What was sent is too large."),
}
_SAYING = ("Something went wrong", "Please try again in a few minutes.")


def policy(shop: str | None = None, *, styles: Sequence[str] = (), images: str | None = None) -> str:
    """The content policy of a plain page.

    ``shop``: a proven shop domain, whose admin may frame it; else nobody may. ``styles``: style sheets in the page
    besides STYLE. ``images``: the one origin from which it may load them, e.g. ``https://cdn.example``.
    """
    hashes = " ".join(f"'sha256-{_digest(style)}'" for style in (STYLE, *styles))
    sources = f"default-src 'none'; style-src {hashes}" + (f"; img-src {images}" if images else "")
    ancestors = f"https://{shop} https://admin.shopify.com" if shop else "'none'"
    return f"{sources}; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"


def _digest(style: str) -> str:
    return b64encode(sha256(style.encode()).digest()).decode("ascii")


def install(app: Flask, *, https: bool) -> None:
    """Security headers on every answer and plain pages for errors. ``https``: reached by https only."""
    app.jinja_env.globals["style"] = STYLE

    @app.after_request
    def protect(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", policy())
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "no-referrer")
        if "frame-ancestors 'none'" in headers["Content-Security-Policy"]:
            headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        headers.setdefault("Cache-Control", "no-store")
        if https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[str, int]:
        return _page(error.code or 500)

    @app.errorhandler(Exception)
    def failed(error: Exception) -> tuple[str, int]:
        log.error("request_failed", exc_info=error)
        return _page(500)


def _page(status: int) -> tuple[str, int]:
    title, sentence = _SAYINGS.get(status, _SAYING)
    return render_template("error.html", title=title, sentence=sentence), status
