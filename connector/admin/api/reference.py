"""The table of docs/admin-api.md, out of the acts and views.

``python -m connector.admin.api.reference < docs/admin-api.md`` prints the page as it has to be; a test compares.
"""

from __future__ import annotations

import re
import sys

from connector.admin import access
from connector.admin.acts import registry
from connector.admin.acts.act import Act
from connector.admin.api.describing import filled, method_of, offered

_PART = re.compile(r"(<!-- offered -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def table() -> str:
    """Everything that keys may ask: Markdown."""
    rows = ["| ask | role | what it does |", "|---|---|---|"]
    for one in sorted(offered(registry.acts(), registry.views()), key=lambda one: (one.path, isinstance(one, Act))):
        path = filled(one.path, "{{{}}}".format)
        rows.append(f"| `{method_of(one)} {path}` | {access.ROUTES[f'admin.{one.name}']} | {one.about.rstrip('.')} |")
    return "\n".join(rows)


def refreshed(page: str) -> str:
    """The page with its table as it is now."""
    return _PART.sub(lambda part: f"{part[1]}{table()}\n{part[3]}", page)


if __name__ == "__main__":
    sys.stdout.write(refreshed(sys.stdin.read()))
