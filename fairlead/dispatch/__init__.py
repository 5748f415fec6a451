"""Releases that GitHub starts: the receiver of its webhook."""
