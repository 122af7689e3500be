"""Tools that the examples use and that other work is about to bring; a test tells which of them is there and must leave the list.

While the list is not empty, the full example is not run, and what it says about these tools is not compared with their YAML.
"""

AWAITED: frozenset[str] = frozenset()
