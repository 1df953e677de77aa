"""PostgreSQL: the engine, the one place that commits, locks, migrations and partitions."""
