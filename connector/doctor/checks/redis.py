"""Redis answers and throws nothing away."""

from __future__ import annotations

from collections.abc import Iterator

from redis.exceptions import RedisError, ResponseError

from connector.doctor.finding import Check, Finding, broken, warning
from connector.doctor.subject import Installation


def _run(installation: Installation) -> Iterator[Finding]:
    client = installation.deps.redis
    try:
        client.ping()
    except RedisError as error:
        yield broken(
            f"Redis does not answer ({type(error).__name__}).",
            "Start it, or put REDIS_URL right. Webhooks are stored meanwhile; nothing is lost, and nothing is sent.",
        )
        return
    try:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy")
    except ResponseError:
        # A hosted Redis may not tell its configuration.
        return
    if policy not in (None, "noeviction"):
        yield warning(
            f"Redis may throw keys away when it is full (maxmemory-policy {policy}).",
            "Set maxmemory-policy to noeviction, or rate limits are forgotten under pressure.",
        )


CHECK = Check("redis", "Redis answers.", _run)
