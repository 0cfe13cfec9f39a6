"""Checks tformance against GitHub: accuracy, daily spot checks and the four promises.

A check changes no figure; `sync` fetches again what differs.
"""
