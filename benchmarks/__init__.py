"""Measures the sync against the simulator: `make bench`; results are in docs/performance.md."""
