"""One comment on a pull request that is kept up to date: what its migrations would do."""

from contextlib import closing

from fairlead.github import GitHubClient
from fairlead.project import Project


def marker(project: str, environment: str) -> str:
    """By this the comment is found again; nobody sees it. Both names are plain letters."""
    return f"<!-- fairlead preview {project}/{environment} -->"


def comment(project: Project, environment: str, pull_request: int, text: str) -> str:
    """Write `text` (Markdown), in the place of what was written before; the comment's address.

    Raises GitHubError, SecretMissing.
    """
    mark = marker(project.config.project, environment)
    with closing(project.github()) as github:
        return _written(github, pull_request, mark, f"{mark}\n{project.redact(text)}")


def _written(github: GitHubClient, pull_request: int, mark: str, body: str) -> str:
    """Two that begin at the same time may leave two comments: the first is kept up to date. What
    somebody else wrote is not ours, whatever it says: they could change it afterwards."""
    me = github.login()
    for one in github.comments(pull_request):
        if one.user and one.user.login == me and (one.body or "").startswith(mark):
            return github.update_comment(one.id, body).html_url
    return github.comment(pull_request, body).html_url
