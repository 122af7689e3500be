"""Functions of the workspace: `function_call`."""
