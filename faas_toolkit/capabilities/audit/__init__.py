"""What administrators ask of the audit trail: `audit_search`."""
