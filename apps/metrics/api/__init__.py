"""The read API: its addresses, the keys that open them, the shapes of its replies, its page.

It answers what `pages` and `lists` say; no figure is made here.
"""
