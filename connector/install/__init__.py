"""What follows a token: the same steps whether a shop is connected by command or installs the app from its admin.

``store``: the shop's row, what the store says of itself, its topics. ``account``: the Brevo account and all that is set
up in it. Every step may be repeated; what fails is said with what to do about it and does not undo the rest.
"""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]
"""Takes one sentence for whoever connects the shop."""

PATIENCE = 20.0
"""Machine seconds for which a limit is waited for, at each step."""
