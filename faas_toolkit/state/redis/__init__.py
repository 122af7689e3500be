"""State on Redis: shared by all processes that name the same server."""
