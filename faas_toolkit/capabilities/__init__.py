"""What the toolkit can do; one slice for each family, none of which imports another."""
