"""Building: the verbs, the loop, and the attempts that it starts."""
