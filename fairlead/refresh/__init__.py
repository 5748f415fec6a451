"""Refreshing an environment with another one's data, masked: phase after phase."""
