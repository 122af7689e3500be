"""Real functions for tests: each folder runs under functions-framework."""
