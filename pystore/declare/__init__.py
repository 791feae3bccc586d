"""Declaring stages: derivations from functions, parameters and sweeps; views of their results."""
