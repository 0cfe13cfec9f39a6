"""What pages, the API, the digest and the terminal answer with: figures in words and charts.

No HTTP and no templates here: `views` and `api` show what these answer.
"""
