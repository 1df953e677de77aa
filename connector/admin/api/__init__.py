"""The API of the admin: its acts and views for programs, by keys of one shop."""
