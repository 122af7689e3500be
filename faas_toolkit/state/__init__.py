"""What outlives one call: cells of limits and leases, values, rows. Ports stand in `base`, each backend in a file of its own."""
