"""The store: one pool of connections, and the tables as its attributes."""

import os
from collections.abc import Mapping

from fairlead.store import embedded
from fairlead.store.applied import AppliedBefores
from fairlead.store.approvals import Approvals
from fairlead.store.backups import Backups
from fairlead.store.commits import Commits
from fairlead.store.database import Database
from fairlead.store.deliveries import Deliveries
from fairlead.store.drifts import Drifts
from fairlead.store.leases import Leases
from fairlead.store.ledger import Ledger
from fairlead.store.metrics import Counts
from fairlead.store.outbox import Outbox
from fairlead.store.placements import Placements
from fairlead.store.previews import Previews
from fairlead.store.refreshes import Refreshes
from fairlead.store.releases import Releases
from fairlead.store.steps import Steps
from fairlead.store.tenants import TenantMigrations


class Store:
    """Everything Fairlead remembers. Use as a context manager, or call close()."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self.database = Database(conninfo)
        self.releases = Releases(self.database)
        self.steps = Steps(self.database)
        self.ledger = Ledger(self.database)
        self.commits = Commits(self.database)
        self.counts = Counts(self.database)
        self.placements = Placements(self.database)
        self.leases = Leases(self.database)
        self.approvals = Approvals(self.database)
        self.outbox = Outbox(self.database)
        self.deliveries = Deliveries(self.database)
        self.applied = AppliedBefores(self.database)
        self.backups = Backups(self.database)
        self.previews = Previews(self.database)
        self.refreshes = Refreshes(self.database)
        self.drifts = Drifts(self.database)
        self.tenants = TenantMigrations(self.database)

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(environ: Mapping[str, str] = os.environ) -> Store:
    """The store at FAIRLEAD_STORE_URL, else the embedded one; its schema brought up to date.

    Raises StoreUnreachable.
    """
    conninfo = environ.get("FAIRLEAD_STORE_URL") or embedded.start(embedded.home(environ) / "store")
    store = Store(conninfo)
    store.database.ready()
    return store
