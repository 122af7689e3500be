"""What is kept, counted and reported about calls."""
