"""What is asked for: the filter bar, its periods, the viewer, and the words that are searched.

Conditions on rows are made here; nothing is counted and nothing is shown.
"""
