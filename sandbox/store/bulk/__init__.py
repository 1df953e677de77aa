"""Bulk queries: the whole store in a file of lines, made in the background."""
