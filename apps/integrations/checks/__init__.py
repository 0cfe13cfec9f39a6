"""Checks tformance against GitHub: accuracy, daily spot checks and the four promises.

A check changes no figure; what differs is fetched again by `sync`.
"""
