"""FaaS Toolkit: atomic, typed, governed capabilities for Dify agents and workflows."""
