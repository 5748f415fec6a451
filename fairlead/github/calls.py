"""Requests to GitHub's API; pure. Each names the page that describes it.

Descriptions of a deployment and of a status have at most 140 characters:
https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fairlead.plain import one_line

PAGE = 100  # the most that GitHub gives at once
DESCRIPTION = 140
# What our own deployments are for. Not "deploy": on a deployment with that task other programs
# begin to deploy, our own receiver among them.
TASK = "fairlead"


Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Call:
    """`path` is below the API's address, or an address; `body` is sent as JSON."""

    method: str
    path: str
    query: Query = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


def get_repository(repository: str) -> Call:
    """https://docs.github.com/en/rest/repos/repos#get-a-repository"""
    return Call("GET", f"/repos/{repository}")


def list_check_runs(repository: str, sha: str, page: int) -> Call:
    """https://docs.github.com/en/rest/checks/runs#list-check-runs-for-a-git-reference"""
    query: Query = {"filter": "latest", "per_page": PAGE, "page": page}
    return Call("GET", f"/repos/{repository}/commits/{sha}/check-runs", query)


def list_commit_statuses(repository: str, sha: str, page: int) -> Call:
    """The latest of each context.
    https://docs.github.com/en/rest/commits/statuses#get-the-combined-status-for-a-specific-reference
    """
    query: Query = {"per_page": PAGE, "page": page}
    return Call("GET", f"/repos/{repository}/commits/{sha}/status", query)


def get_commit(repository: str, sha: str) -> Call:
    """https://docs.github.com/en/rest/git/commits#get-a-commit-object"""
    return Call("GET", f"/repos/{repository}/git/commits/{sha}")


def get_branch(repository: str, branch: str) -> Call:
    """Where it ends, whatever a tag of its name is.
    https://docs.github.com/en/rest/git/refs#get-a-reference
    """
    return Call("GET", f"/repos/{repository}/git/ref/{quote(f'heads/{branch}', safe='')}")


def compare(repository: str, base: str, head: str) -> Call:
    """Of commits or branches; only the numbers are wanted, which every page has.
    https://docs.github.com/en/rest/commits/commits#compare-two-commits
    """
    ends = f"{quote(base, safe='')}...{quote(head, safe='')}"
    return Call("GET", f"/repos/{repository}/compare/{ends}", {"per_page": 1})


def list_deployments(repository: str, sha: str, environment: str, page: int) -> Call:
    """Ours of a commit, the newest first.
    https://docs.github.com/en/rest/deployments/deployments#list-deployments
    """
    query: Query = {
        "sha": sha,
        "environment": environment,
        "task": TASK,
        "per_page": PAGE,
        "page": page,
    }
    return Call("GET", f"/repos/{repository}/deployments", query)


def create_deployment(
    repository: str,
    sha: str,
    environment: str,
    *,
    description: str,
    payload: Mapping[str, Any],
    production: bool,
) -> Call:
    """Nothing is merged into the commit, and which checks it needs is our own rule.
    https://docs.github.com/en/rest/deployments/deployments#create-a-deployment
    """
    body = {
        "ref": sha,
        "task": TASK,
        "auto_merge": False,
        "required_contexts": [],
        "payload": payload,
        "environment": environment,
        "description": short(description),
        "transient_environment": False,
        "production_environment": production,
    }
    return Call("POST", f"/repos/{repository}/deployments", body=body)


def last_deployment_status(repository: str, deployment: int) -> Call:
    """https://docs.github.com/en/rest/deployments/statuses#list-deployment-statuses"""
    path = f"/repos/{repository}/deployments/{deployment}/statuses"
    return Call("GET", path, {"per_page": 1})


def create_deployment_status(
    repository: str,
    deployment: int,
    state: str,
    *,
    description: str,
    environment: str,
    environment_url: str = "",
    log_url: str = "",
    auto_inactive: bool = False,
) -> Call:
    """https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status"""
    body = {
        "state": state,
        "description": short(description),
        "environment": environment,
        "environment_url": environment_url,
        "log_url": log_url,
        "auto_inactive": auto_inactive,
    }
    return Call("POST", f"/repos/{repository}/deployments/{deployment}/statuses", body=body)


def create_commit_status(
    repository: str, sha: str, state: str, *, context: str, description: str, target_url: str = ""
) -> Call:
    """https://docs.github.com/en/rest/commits/statuses#create-a-commit-status"""
    body = {
        "state": state,
        "context": context,
        "description": short(description),
        "target_url": target_url or None,
    }
    return Call("POST", f"/repos/{repository}/statuses/{sha}", body=body)


def who_am_i(graphql: str) -> Call:
    """`graphql` is the address. REST's /user is refused to the tokens of apps and of workflows.
    https://docs.github.com/en/graphql/reference/queries#viewer
    """
    return Call("POST", graphql, body={"query": "{ viewer { login } }"})


def list_comments(repository: str, issue: int, page: int) -> Call:
    """Of an issue or a pull request, the oldest first.
    https://docs.github.com/en/rest/issues/comments#list-issue-comments
    """
    query: Query = {"per_page": PAGE, "page": page}
    return Call("GET", f"/repos/{repository}/issues/{issue}/comments", query)


def create_comment(repository: str, issue: int, body: str) -> Call:
    """https://docs.github.com/en/rest/issues/comments#create-an-issue-comment"""
    return Call("POST", f"/repos/{repository}/issues/{issue}/comments", body={"body": body})


def update_comment(repository: str, comment: int, body: str) -> Call:
    """https://docs.github.com/en/rest/issues/comments#update-an-issue-comment"""
    path = f"/repos/{repository}/issues/comments/{comment}"
    return Call("PATCH", path, body={"body": body})


def short(text: str) -> str:
    """One line that GitHub takes as a description."""
    return one_line(text, DESCRIPTION)
