"""`GET /_inbox`, `/_inbox/to/{address}`, `/_inbox/message/{mark}` and the body that its frame shows.

A body is somebody else's HTML: it is shown in a frame without scripts, forms or an origin of its own, under a policy
that says the same in the answer itself.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from jinja2 import Environment, FileSystemLoader, select_autoescape

from sandbox.provider.inbox.letters import Letter, letters
from sandbox.provider.wire import Answer

if TYPE_CHECKING:
    from sandbox.provider.platform import Platform

ROOT = "/_inbox"
MOST_SHOWN = 200
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'"
BODY_POLICY = "sandbox; default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; font-src https:"
_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(), trim_blocks=True
)


class Inbox:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def answer(self, path: str) -> Answer:
        """`path` below /_inbox, still quoted."""
        found = letters(self._platform.accounts.all())
        match path.strip("/").split("/"):
            case [""]:
                return self._list(found, None)
            case ["to", address]:
                return self._list(found, unquote(address))
            case ["message", mark]:
                return self._message(next((one for one in found if one.mark == mark), None))
            case ["message", mark, "body"]:
                return self._body(next((one for one in found if one.mark == mark), None))
        return _shown(404, "missing.html")

    def _list(self, found: list[Letter], address: str | None) -> Answer:
        people = Counter(letter.to for letter in found)
        mine = [letter for letter in found if address in (None, letter.to)]
        return _shown(
            200, "list.html", people=people, letters=mine[:MOST_SHOWN], more=len(mine) - MOST_SHOWN, address=address
        )

    def _message(self, letter: Letter | None) -> Answer:
        if letter is None:
            return _shown(404, "missing.html")
        return _shown(200, "message.html", letter=letter)

    def _body(self, letter: Letter | None) -> Answer:
        if letter is None:
            return _shown(404, "missing.html")
        return _page(200, letter.html, BODY_POLICY)


def _shown(status: int, template: str, **values: Any) -> Answer:
    return _page(status, _PAGES.get_template(template).render(root=ROOT, **values), PAGE_POLICY)


def _page(status: int, html: str, policy: str) -> Answer:
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return Answer(status, headers=headers, content=html.encode())
