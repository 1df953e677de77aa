"""The runtime of the flows: what the pure core decides is loaded from, and written to, the database here."""
