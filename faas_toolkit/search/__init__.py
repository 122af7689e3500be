"""How text becomes terms, how terms are found, how alike two names are: shared by customers and documents."""
