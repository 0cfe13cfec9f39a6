"""The rows behind the figures: selection, order, columns, and export.

Only the rows of a list are counted here; how a list looks belongs to `views`.
"""
