"""Webhooks: the endpoint, the meaning of deliveries, and maintaining the hooks on GitHub.

A delivery only marks what is stale; fetching belongs to `sync`.
"""
