"""The query: filter bar, periods, viewer, and search words.

Conditions on rows are made here; nothing is counted or shown.
"""
