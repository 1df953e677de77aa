"""The merchant's browser: opens a page, follows its redirects and keeps its cookies. It runs no scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3

PATIENCE_SECONDS = 30.0
MOST_REDIRECTS = 10
LARGEST_TEXT = 20_000
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_AS_GET = (301, 302, 303)


@dataclass
class Visit:
    """Where a visit ended: the last address and answer, and `steps` with each address and status on the way. A
    redirect to another machine is not followed and is the last step."""

    url: str
    status: int
    headers: dict[str, str]
    text: str
    steps: list[dict[str, Any]] = field(default_factory=list)


def visit(url: str) -> Visit:
    """Open `url` on this machine. Raises ValueError for other machines, OSError when nobody answers."""
    cookies: dict[str, dict[str, str]] = {}
    steps: list[dict[str, Any]] = []
    with urllib3.PoolManager(retries=False, timeout=PATIENCE_SECONDS) as http:
        while True:
            host = urlsplit(url).hostname or ""
            if host not in _LOOPBACK:
                raise ValueError(f"{url} is on another machine")
            known = cookies.setdefault(host, {})
            headers = {"Accept": "text/html"}
            if known:
                headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in known.items())
            try:
                answer = http.request("GET", url, headers=headers, redirect=False)
            except urllib3.exceptions.HTTPError as failure:
                raise OSError(f"{url}: {failure}") from failure
            for line in answer.headers.getlist("Set-Cookie"):
                known.update({name: morsel.value for name, morsel in SimpleCookie(line).items()})
            steps.append({"url": url, "status": answer.status})
            moved = answer.status in _AS_GET and len(steps) <= MOST_REDIRECTS
            target = urljoin(url, answer.headers.get("Location", url)) if moved else url
            if target == url or urlsplit(target).hostname not in _LOOPBACK:
                text = answer.data.decode("utf-8", "replace")[:LARGEST_TEXT]
                return Visit(url, answer.status, dict(answer.headers), text, steps)
            url = target
