"""PostgreSQL through psycopg: history, what is where, leases, digest ledger."""

from fairlead.store.connect import Store, open_store

__all__ = ["Store", "open_store"]
