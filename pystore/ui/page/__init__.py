"""Page: a store in a browser, to be read."""
