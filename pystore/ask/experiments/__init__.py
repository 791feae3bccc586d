"""Experiments: families, sweeps, results, summaries and comparisons of repeated attempts."""
