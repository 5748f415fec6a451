"""Masking: what becomes of production's values before anybody else sees them. Fail-closed."""
