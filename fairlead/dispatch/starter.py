"""Starting what waits in the store: the oldest of each environment first, until Prefect takes it.

Whether a branch has the commit of a workflow is asked of GitHub here, and not before the delivery
is answered: GitHub may be slow, or away for a time.

Several receivers may do so at once: the store gives a delivery to one of them at a time, and
Prefect makes one run of a key.
"""

import logging
from dataclasses import dataclass

from fairlead.dispatch.branch import Branches, NotOnBranch
from fairlead.dispatch.runs import Runs
from fairlead.errors import GitHubError, PrefectUnreachable, RunRefused, SecretMissing
from fairlead.model import Delivery
from fairlead.plain import plain
from fairlead.store.deliveries import Deliveries

LOG = logging.getLogger("fairlead.dispatch")
LONGEST_PAUSE = 15.0  # seconds between two tries


@dataclass(frozen=True)
class Starter:
    project: str
    deliveries: Deliveries
    runs: Runs
    branches: Branches

    def step(self) -> Delivery | None:
        """Try the next one whose time has come, and say how it is now; None when there is none.

        Raises StoreUnreachable.
        """
        delivery = self.deliveries.claim(self.project)
        if delivery is None:
            return None
        try:
            self.branches.check(delivery)
            run = self.runs.start(delivery)
        except (PrefectUnreachable, GitHubError, SecretMissing) as error:
            LOG.warning("%s waits: %s", delivery.request, plain(error.message))
            return self.deliveries.put_off(delivery, error.message, pause(delivery.attempts))
        except (RunRefused, NotOnBranch) as error:
            LOG.warning("%s is refused: %s", delivery.request, plain(error.message))
            return self.deliveries.refused(delivery, error.message)
        LOG.info("%s is started: %s", delivery.request, self.runs.address(run))
        return self.deliveries.started(delivery, run)


def pause(attempts: int) -> float:
    """Seconds after that many tries."""
    return min(LONGEST_PAUSE, 0.5 * 2.0 ** min(attempts, 10))
