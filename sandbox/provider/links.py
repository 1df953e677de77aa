"""The links of a message: offers, the sender's way out, the provider's own."""

from __future__ import annotations

import html
import re

# Where an unsubscribe page lives, by convention of the senders under test.
SENDERS_WAY_OUT = "/u/"
# The page behind `{{ unsubscribe }}`.
OWN_WAY_OUT = "/unsubscribe/"
_LINK = re.compile(r"""href\s*=\s*["'](https?://[^"']+)["']""", re.IGNORECASE)


def links(body: str) -> list[str]:
    return [html.unescape(link) for link in _LINK.findall(body)]


def ways_out(body: str, way: str) -> list[str]:
    return [link for link in links(body) if way in link]


def offers(body: str) -> list[str]:
    return [link for link in links(body) if SENDERS_WAY_OUT not in link and OWN_WAY_OUT not in link]
