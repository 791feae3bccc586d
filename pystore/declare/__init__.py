"""What users write: stages, their parameters and their code."""
