"""Releases and rollbacks, one after the other, under traffic of every kind."""
