"""Reserved names: what an attribute of a view means, whatever a config says."""

RESERVED = ("attempts", "close", "config", "dref", "path", "rref")
