"""Connecting a GitHub account to a team, and ending the connection.

Tokens belong to `access`, the contents of a connected account to `repositories`.
"""
