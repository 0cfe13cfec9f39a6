"""The one door into the tables of `apps.metrics`: records become rows, and rows are recalculated.

Nothing here asks GitHub, and nothing here deletes what was asked to be deleted: see `keeping`.
"""
