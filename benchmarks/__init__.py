"""Measures the sync against the simulator: `make bench`; figures are in docs/performance.md."""
