"""Pages and endpoints of the connection to GitHub; each returns a page, a fragment or JSON."""
