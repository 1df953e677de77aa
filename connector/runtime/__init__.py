"""Starts what the product runs on: PostgreSQL, Redis and our own processes. Knows nothing of the business."""
