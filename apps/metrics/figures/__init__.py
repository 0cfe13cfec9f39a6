"""Every aggregate that a page, an export or the API shows, and the version of the data it is of.

Figures are numbers and rows: their names, sentences, colours and addresses belong into `pages`.
"""
