"""Keeps tracked repositories up to date: runs, the walk, polls, stale marks and progress.

Which repositories are tracked belongs to `repositories`; what a webhook says to `hooks`.
"""
