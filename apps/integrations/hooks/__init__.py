"""Webhooks: the endpoint, what a delivery means, and the hooks on GitHub that are looked after.

A delivery only marks what is stale; fetching belongs to `sync`.
"""
