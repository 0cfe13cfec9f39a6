"""The addresses that a browser opens: what is asked, who may see it, which template shows it.

No figure is made here: `pages` and `lists` answer, programs ask the `api`.
"""
