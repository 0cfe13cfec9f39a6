"""Which repositories and people an account has, and which repositories a team tracks.

Their pull requests belong to `sync`; how an account is connected to `connection`.
"""
