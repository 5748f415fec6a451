"""GitHub as a destination: each release is a deployment there, and a status of its commit."""

from http import HTTPStatus

from fairlead.errors import GitHubError
from fairlead.github import GitHubClient
from fairlead.github.calls import short
from fairlead.model import Outgoing
from fairlead.notify.github_message import (
    Place,
    Standing,
    commit_status,
    deployment_of,
    deployment_status,
    inactive,
    new_deployment,
)
from fairlead.notify.model import NotTold


class GitHubNotTold(NotTold):
    """GitHub did not take it. What was told until then stays, and is not told again."""

    def __init__(self, error: GitHubError) -> None:
        # It would hold up all that follows; whatever else GitHub refuses, somebody can mend.
        self.lasting = error.status == HTTPStatus.UNPROCESSABLE_ENTITY
        self.uncertain, self.retry_after = error.away, error.wait
        super().__init__(error.message, next_step=error.next_step)


class GitHubNotifier:
    """A message's body is a Standing; what GitHub calls it is the deployment's id."""

    def __init__(self, github: GitHubClient) -> None:
        self._github = github

    def deliver(self, outgoing: Outgoing) -> str:
        """The deployment's status, the commit's, and that what it has replaced is active no more.
        Raises GitHubNotTold."""
        standing = Standing.model_validate(outgoing.message.body)
        known = int(outgoing.reference) if outgoing.reference else None
        try:
            deployment = self._told(standing, known, again=outgoing.attempts > 1)
            self._github.create(commit_status(self._github.repository, standing))
            for place in standing.replaced:
                self._end(place, standing)
        except GitHubError as error:
            raise GitHubNotTold(error) from error
        return str(deployment)

    def _told(self, standing: Standing, known: int | None, *, again: bool) -> int:
        """The deployment that is told, created where there is none any more."""
        deployment = known if known is not None else self._found(standing.place)
        if deployment is not None:
            try:
                return self._tell(standing, deployment, again=again)
            except GitHubError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
        created = self._github.create(new_deployment(self._github.repository, standing.place))
        return self._tell(standing, created, again=False)

    def _tell(self, standing: Standing, deployment: int, *, again: bool) -> int:
        if not (again and self._is_told(standing, deployment)):
            self._github.create(deployment_status(self._github.repository, deployment, standing))
        return deployment

    def _is_told(self, standing: Standing, deployment: int) -> bool:
        last = self._github.last_status(deployment)
        return last is not None and (last.state, last.description) == (
            standing.deployment_state,
            short(standing.words),
        )

    def _found(self, place: Place) -> int | None:
        if place.deployment is not None:
            return place.deployment
        return deployment_of(self._github.deployments(place.sha, place.environment), place)

    def _end(self, place: Place, standing: Standing) -> None:
        """Unless GitHub has marked it by itself, or somebody has deleted it."""
        old = self._found(place)
        if old is None:
            return
        try:
            last = self._github.last_status(old)
            if last is None or last.state != "inactive":
                self._github.create(inactive(self._github.repository, old, standing))
        except GitHubError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
