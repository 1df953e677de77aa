"""The settings, as far as they can be right in form and still wrong."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from connector.doctor.finding import Check, Finding, broken
from connector.doctor.subject import Installation


def _run(installation: Installation) -> Iterator[Finding]:
    settings = installation.deps.settings
    if not settings.development and urlsplit(settings.public_url).scheme != "https":
        yield broken(
            f"PUBLIC_URL is {settings.public_url}: Shopify and Brevo report to https addresses only.",
            "Set PUBLIC_URL to the https address of the proxy in front of the web process.",
        )


CHECK = Check("settings", "The settings are usable.", _run)
