"""The read API: its URLs, keys, response schemas and documentation page.

It returns what `pages` and `lists` produce; no figure is calculated here.
"""
