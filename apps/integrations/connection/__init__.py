"""Connecting an account of GitHub to a team, and ending the connection.

Tokens themselves belong to `access`, what a connected account has to `repositories`.
"""
