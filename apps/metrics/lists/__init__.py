"""The rows behind the figures: which a list has, in which order and columns, and as an export.

Nothing is counted here but the rows of a list; how a list looks belongs into `views`.
"""
