"""A private package: the functions of one catalog, each a typed tool of its own, on the same code."""
