"""``shopify.app.toml``: the app's configuration as Shopify's command line deploys it, written from what the code needs.

Keys are those of Shopify CLI 4.8. Topics that the file cannot name are left out; they are subscribed shop by shop.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from connector.settings import Settings
from connector.shopify.oauth import redirect_uri
from connector.shopify.scopes import NEEDED
from connector.shopify.subscriptions import API_ONLY, COMPLIANCE

_NAME = "Brevo connector"


def write(settings: Settings, topics: Sequence[str], uri: str) -> str:
    """The file. ``topics``: all of Shopify's that are understood; ``uri``: where they are reported to."""
    carried = [name for name in topics if name not in COMPLIANCE and name not in API_ONLY]
    understood = [name for name in COMPLIANCE if name in topics]
    lines = [
        f"client_id = {_text(settings.shopify_api_key)}",
        f"name = {_text(_NAME)}",
        f"application_url = {_text(settings.public_url + '/')}",
        "embedded = true",
        "",
        "[access_scopes]",
        f"scopes = {_text(','.join(NEEDED))}",
        "",
        "[auth]",
        f"redirect_urls = [{_text(redirect_uri(settings))}]",
        "",
        "[webhooks]",
        f"api_version = {_text(settings.shopify_api_version)}",
        "",
        *_subscription("topics", carried, uri),
    ]
    if understood:
        lines += ["", *_subscription("compliance_topics", understood, uri)]
    return "\n".join(lines) + "\n"


def _subscription(kind: str, topics: Sequence[str], uri: str) -> list[str]:
    return [
        "[[webhooks.subscriptions]]",
        f"{kind} = [",
        *(f"  {_text(name)}," for name in topics),
        "]",
        f"uri = {_text(uri)}",
    ]


def _text(value: str) -> str:
    # A basic string of TOML is written like one of JSON.
    return orjson.dumps(value).decode()
