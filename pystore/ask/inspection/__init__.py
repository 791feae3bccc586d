"""Looking into a store: what is there, where, made from what, and how two things differ."""
