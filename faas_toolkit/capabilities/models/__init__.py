"""Language models of the workspace: `model_generate` and `model_fallback`."""
