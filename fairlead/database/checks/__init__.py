"""Whether the data is whole once it was migrated: read from the database, which is not changed."""
