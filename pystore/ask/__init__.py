"""What users ask of a store: plans, results, inspection, and what went wrong."""
