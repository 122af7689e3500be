"""Knowledge of the workspace: `knowledge_search`, `knowledge_add`, `knowledge_remove`."""
