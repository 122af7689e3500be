"""What a workspace offers its callers and how it is doing: `list_capabilities` and `diagnose`; and `cache_warm`."""
