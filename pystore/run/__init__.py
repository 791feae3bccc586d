"""Doing: what a realizer sees, the build loop, and the verbs that start it."""
