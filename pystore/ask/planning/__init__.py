"""Planning and explaining: what a call would do, and why something is new."""
