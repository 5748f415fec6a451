"""Every tenant of a schema-per-tenant project brought to the release, and only those behind."""
