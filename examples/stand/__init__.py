"""Brings up on one machine what the demo and the tests need, and takes it away again.

A Docker engine, images, an OCI registry, PostgreSQL, a Prefect server and a worker. Everything is
published on 127.0.0.1 only, safe to start twice, and found again by a later process.
"""
