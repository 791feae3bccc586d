"""Shows the progress of calls of realize in a terminal, in a notebook, or as lines."""
