"""How text becomes terms, how terms are found, how lists of hits become one: shared by customers and documents."""
