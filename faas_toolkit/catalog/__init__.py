"""The one document that says what a workspace may call: read, checked, and kept in force."""
