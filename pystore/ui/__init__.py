"""The edge: settings and, later, everything that meets a terminal."""
