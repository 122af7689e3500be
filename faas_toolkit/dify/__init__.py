"""The adapter to Dify: the only package that knows the plugin SDK."""
