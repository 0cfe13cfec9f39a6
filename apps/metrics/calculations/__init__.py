"""Calculations for a single pull request from its timestamps: durations, flags and counts.

Pure functions without Django; nothing here reads the database or counts several rows.
"""
