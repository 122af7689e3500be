"""How one function is invoked: one file for each FaaS platform."""
