"""The words every other part speaks: calls, failures, streams, deadlines, ports. Standard library only."""
