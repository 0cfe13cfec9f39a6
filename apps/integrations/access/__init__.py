"""Access to GitHub: OAuth, the GitHub App, tokens, and the one place that opens a client.

Which requests are made with a client is decided by the packages that use it.
"""
