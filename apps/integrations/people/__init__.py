"""Identity: several accounts of one person, renamed logins, and people who are forgotten.

Fetching an organisation's members belongs to `repositories.discovery`, storing them to `storing`.
"""
