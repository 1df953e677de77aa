"""Reviews of a shop's flows, which come back by the calendar as tasks for its staff. See docs/adr/0055."""
