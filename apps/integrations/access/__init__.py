"""The doors to GitHub: OAuth, the GitHub App, tokens, and the one place that opens a conversation.

What is asked through a door belongs to the room that asks.
"""
