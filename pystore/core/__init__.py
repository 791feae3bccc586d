"""Pure values and rules: no disk, no clock, no threads."""
