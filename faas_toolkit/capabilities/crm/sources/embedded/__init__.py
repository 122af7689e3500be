"""The store of the toolkit itself: tables, a text index, a sample for a fresh install."""
