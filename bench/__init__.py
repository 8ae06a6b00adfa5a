"""Benchmarks with their figures: `make bench` runs them all, `python -m bench NAME` one (docs/performance.md)."""
