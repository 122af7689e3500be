"""How one deployment of a model is asked."""
