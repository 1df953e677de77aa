"""The inbox: what was sent, as the people see it."""
