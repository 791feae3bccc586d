"""Watching: what a call of realize is doing, in a terminal, in a notebook, or as lines."""
