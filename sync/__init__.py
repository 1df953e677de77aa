"""Records that move: projections of the store, identity, consent, and what is told to the provider."""
