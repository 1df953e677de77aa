"""Benchmarks: one module each, printing one comparable number."""
