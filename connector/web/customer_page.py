"""A page that a shop's customers see: in their language, looking like the shop."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, request

from connector.shops import Shop
from connector.web import brand, languages
from connector.web.languages import Language


def language_of(shop: Shop, locale: str | None) -> Language:
    """The language of this request. ``locale``: the person's, when known."""
    accepted = [tag for tag, quality in request.accept_languages if quality > 0]
    return languages.chosen(request.args.get("lang"), locale, accepted, shop.settings["locale"])


def render(template: str, shop: Shop, language: Language, **values: Any) -> Response:
    """The page. It links to itself in every other language; what it was asked for by a link stays so."""
    look = brand.look(shop)
    page = render_template(
        template,
        look=look,
        language=language,
        languages=languages.shipped().values(),
        asked=language.code if "lang" in request.args else None,
        **values,
    )
    answer = make_response(page)
    answer.headers["Content-Security-Policy"] = look.policy
    return answer
