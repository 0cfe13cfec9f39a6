"""What comes after the merge: branches, deployments, releases and workflow runs.

Each function changes the world and says which hook events follow, as those of `actions` do.
"""
