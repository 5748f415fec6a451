"""GitHub's API: the checks of a commit, and what GitHub is told of a release."""

from fairlead.github.answers import Apart, Check, Comment, Deployment
from fairlead.github.client import GitHubClient

__all__ = ["Apart", "Check", "Comment", "Deployment", "GitHubClient"]
