"""Which facts a message names, read from its Liquid: what is loaded for it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from flows.content.compose import compose
from flows.content.source import MessageSource
from flows.content.template import parsed

Path = tuple[str, ...]


@lru_cache(maxsize=1024)
def named(source: MessageSource) -> frozenset[Path]:
    """The paths of all facts that the message and its blocks may read, of at most two names each: ("order",
    "name"), ("products", "viewed"), ("reviews",). Raises ContentProblem for Liquid that cannot be read."""
    templates = [parsed("txt", text, source, "body") for text in source.liquid if text]
    if source.channel == "email":
        templates.append(parsed("mjml", compose(source).html, source, "body"))
    return frozenset(path for template in templates for path in _paths(template))


def names(source: MessageSource, *path: str) -> bool:
    """Whether it may read something at this path, below it, or the whole that it is a part of."""
    return any(one[: len(path)] == path or path[: len(one)] == one for one in named(source))


def _paths(template: BoundTemplate) -> Iterator[Path]:
    try:
        found = template.analyze().globals
    except LiquidError:
        # A block that is not there: filling it says so.
        return
    for uses in found.values():
        for use in uses:
            # What a number or a variable picks may be anything in it.
            yield tuple(part for part in use.segments[:2] if isinstance(part, str))
