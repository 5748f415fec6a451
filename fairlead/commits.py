"""When the commits of releases were made, for lead times."""

from contextlib import closing

from fairlead.errors import GitHubError, SecretMissing
from fairlead.github import GitHubClient
from fairlead.project import Project

MOST = 20  # each is one question to GitHub
NOT_THERE = (404, 422)


def note_commits(project: Project) -> int:
    """Ask GitHub about those of the last releases of which nobody knows it; how many it knew.
    Without a token nothing is asked. GitHub being away is no failure: the next time it is asked
    again."""
    github = project.config.github
    if github is None or github.token is None:
        return 0
    try:
        client = project.github()
    except (GitHubError, SecretMissing):
        return 0
    with closing(client):
        return _note(project, client)


def _note(project: Project, client: GitHubClient) -> int:
    commits, name, known = project.store.commits, project.config.project, 0
    for sha in commits.unknown(name, MOST):
        try:
            commits.keep(name, sha, client.committed_at(sha))
        except GitHubError as error:
            if error.status not in NOT_THERE:
                break
        else:
            known += 1
    return known
