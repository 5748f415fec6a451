"""The application's database: reaching it and migrating it."""
