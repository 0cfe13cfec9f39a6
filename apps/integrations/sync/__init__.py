"""Keeps tracked repositories up to date: runs, the walk, polls, stale marks and their progress.

Which repositories are tracked belongs to `repositories`; what a webhook says to `hooks`.
"""
