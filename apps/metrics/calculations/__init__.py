"""What follows from the instants of a single pull request: durations, flags and counts.

Pure functions that know no Django; nothing here reads the database or counts several rows.
"""
