"""Pages and addresses of the connection to GitHub; each answers a page, a fragment or JSON."""
