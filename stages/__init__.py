"""Ready-made stages, one family a file."""
