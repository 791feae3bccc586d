"""An index of a store: what its records say, in one file in the cache of the user.

It costs time where it is lost, damaged, locked or old, and nothing else.
"""
