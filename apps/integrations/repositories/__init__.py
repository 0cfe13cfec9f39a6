"""An account's repositories and people, and which repositories a team tracks.

Pull requests belong to `sync`; connecting an account to `connection`.
"""
