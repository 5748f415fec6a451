"""Whether a workflow ran for a commit of its environment's branch.

In a delivery a tag of the branch's name looks as the branch does, and not everybody who may push
tags may push to a protected branch. So GitHub is asked.
https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_run
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from fairlead.config import Config
from fairlead.errors import Refused
from fairlead.github import GitHubClient
from fairlead.model import Delivery

TIMEOUT = 3  # seconds of silence; there are three questions at most


class NotOnBranch(Refused):
    """`branch` is None where the environment has none any more."""

    def __init__(self, sha: str, environment: str, branch: str | None) -> None:
        self.sha, self.environment, self.branch = sha, environment, branch
        which = f"{branch}, the branch of {environment}" if branch else "a branch: there is none"
        super().__init__(
            f"{sha[:12]} is no commit of {which}.",
            next_step="Push it to the branch; a tag of the same name is not the branch.",
        )


@dataclass(frozen=True)
class Branches:
    """`github` makes a client of the project's repository, for one delivery."""

    config: Config
    github: Callable[[], GitHubClient]

    def check(self, delivery: Delivery) -> None:
        """Nothing else than a workflow ran for a branch.

        Raises NotOnBranch; GitHubError and SecretMissing where nobody could be asked.
        """
        if delivery.event != "workflow_run":
            return
        settings = self.config.environments.get(delivery.environment)
        branch = settings.branch if settings else None
        if branch is None or not self._has(branch, delivery.sha):
            raise NotOnBranch(delivery.sha, delivery.environment, branch)

    def _has(self, branch: str, sha: str) -> bool:
        with closing(self.github()) as github:
            return github.has(branch, sha)
