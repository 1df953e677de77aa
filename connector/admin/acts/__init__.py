"""What staff do and read, one module per area: ``ACTS`` and ``VIEWS`` of each are what the admin API offers."""
