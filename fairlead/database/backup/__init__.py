"""Saving the application's database before it is migrated, proving it, and putting it back."""
