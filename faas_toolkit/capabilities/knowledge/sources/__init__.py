"""How one kind of knowledge base is asked."""
