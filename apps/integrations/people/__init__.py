"""Who somebody is: several accounts of one person, new names, and people who are forgotten.

Reading an organisation's members belongs to `repositories.discovery`, storing them to `storing`.
"""
