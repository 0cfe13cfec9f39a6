"""How long data is kept: erasure, retention, archives, and key rotation.

What is stored in the first place is decided in `storing`.
"""
