"""The pages: parse the request, check access, choose the template.

No figure is calculated here: `pages` and `lists` do that; programs use the `api`.
"""
