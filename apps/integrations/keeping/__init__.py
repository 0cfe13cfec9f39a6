"""How long data is kept: erasure, retention, archives, and keys that are rotated.

What is stored in the first place is decided in `storing`.
"""
