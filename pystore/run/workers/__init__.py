"""Work in other processes: jobs that travel, and the workers of this machine."""
