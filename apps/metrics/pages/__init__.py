"""The content of pages, API, digest and terminal: figures with words and charts.

No HTTP and no templates here: `views` and `api` show what these return.
"""
