"""Questions to a store: what a call would do, what there is, how attempts compare."""
