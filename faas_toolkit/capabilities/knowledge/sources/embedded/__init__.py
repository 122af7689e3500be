"""The embedded base: documents in the toolkit's own database."""
