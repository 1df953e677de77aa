"""The application: settings, database, adapters and the process entry points."""
