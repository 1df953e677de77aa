"""Field by field: how our records look at the provider. Data and pure functions, no database, no network."""
