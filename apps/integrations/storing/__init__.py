"""The only code that writes the tables of `apps.metrics`: stores records, recalculates rows.

Nothing here makes requests to GitHub or deletes data on request: see `keeping`.
"""
