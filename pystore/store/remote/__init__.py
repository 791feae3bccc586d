"""Remotes: copies of realizations at a URL, for others to fetch. docs/format.md states the form."""
