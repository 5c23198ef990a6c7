"""Benchmarks, the source of every published number."""
