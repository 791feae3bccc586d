"""Attempts in other processes, and the worker processes of this machine."""
