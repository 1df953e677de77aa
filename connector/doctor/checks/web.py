"""The web process answers, where the platforms reach it."""

from __future__ import annotations

from collections.abc import Iterator

from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import Installation
from connector.http import CallFailed

_SECONDS = 4.0


def _status(installation: Installation, url: str) -> int | None:
    try:
        return installation.deps.http.get(f"{url}/healthz", _SECONDS).status
    except CallFailed:
        return None


def _run(installation: Installation) -> Iterator[Finding]:
    settings = installation.deps.settings
    status = _status(installation, settings.public_url)
    if status == 200:
        return
    loopback = f"http://127.0.0.1:{settings.port}"
    nearby = status if settings.public_url == loopback else _status(installation, loopback)
    if nearby == 200:
        said = "nothing" if status is None else str(status)
        yield warning(
            f"The web process answers on port {settings.port}, but {settings.public_url}/healthz answers {said} from"
            " here.",
            "Make sure that the platforms reach PUBLIC_URL: DNS, proxy, certificate.",
        )
    elif 503 in (status, nearby):
        yield broken("The web process answers that it is not ready.", "See what PostgreSQL is said to lack here.")
    else:
        yield broken(
            f"No web process answers at {settings.public_url} or on port {settings.port}.",
            "Start it (`connector up`, or `web` of the Procfile). Shopify drops a subscription after hours of this.",
        )


CHECK = Check("web", "The web process answers.", _run, seconds=2 * _SECONDS + 1)
