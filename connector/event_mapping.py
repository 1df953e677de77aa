"""Which events the provider is told of, under which name and with which properties: data, not code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def _defaults() -> dict[str, Any]:
    return dict(yaml.safe_load((files("connector") / "event_mapping.yaml").read_text(encoding="utf-8")))


def provider_event(
    name: str, props: Mapping[str, Any], overrides: Mapping[str, Any]
) -> tuple[str, dict[str, Any]] | None:
    """The provider's event name and properties for our event, or None when it is not told.

    ``overrides`` is the shop's ``event_mapping`` setting, of the same form as event_mapping.yaml.
    """
    entry = overrides[name] if name in overrides else _defaults().get(name)
    if not entry:
        return None
    wanted = entry.get("properties")
    chosen = props if wanted is None else {key: props[key] for key in wanted if key in props}
    return entry["as"], {key: value for key, value in chosen.items() if value is not None}
