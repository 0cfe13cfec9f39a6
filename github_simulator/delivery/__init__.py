"""What follows the merge: branches, deployments, releases and workflow runs.

Each function changes the world and returns hook events, as those of `actions` do.
"""
