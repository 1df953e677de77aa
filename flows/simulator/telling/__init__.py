"""How what happens is told: each happening becomes the events that the connector would have written of it, and changes
what is known of the person.

One function per family of events, and one line of its module's TELLS each. What the happening does not say is taken
from what is known: an order is that of the open checkout, a parcel that of the last order, a click is of the last
message.
"""

from flows.simulator.telling.families import NOTHING_OF_THEM, TELLS, tell

__all__ = ["NOTHING_OF_THEM", "TELLS", "tell"]
