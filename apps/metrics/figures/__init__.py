"""Every aggregate that a page, an export or the API shows, and its data version.

Figures are numbers and rows: names, sentences, colours and URLs belong to `pages`.
"""
