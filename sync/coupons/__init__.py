"""Discount codes that were made here: used for orders, kept ready in pools, given to Brevo's collections."""
