"""The edge: settings, and everything that meets a terminal."""
