"""The public events API: what a merchant's other systems may tell, see docs/api.md."""
