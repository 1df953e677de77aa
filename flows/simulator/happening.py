"""What happens to a person, as a script or a simulated life tells it: the name of an event and what is special of it.

What is left out is filled in from what is known of the person (``flows.simulator.telling``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Happening:
    """``props``: what the event carries besides what is filled in; None there is a value, too. A length of time in the
    place of a moment counts from ``at``. ``stranger``: it is somebody else's, and reaches this person's runs by its key
    alone. ``historical``: it was imported."""

    at: datetime
    name: str
    props: Mapping[str, Any] = field(default_factory=dict)
    stranger: bool = False
    historical: bool = False
