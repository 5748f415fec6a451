"""How far an environment is ahead of the one that is promoted from it."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from fairlead.errors import FairleadError
from fairlead.github import Apart, GitHubClient
from fairlead.model import Drift, DriftKind
from fairlead.project import Project


@dataclass(frozen=True, slots=True)
class Distance:
    """Of `source` to `target`, which promotes from it. `compared` says what of them was compared;
    `apart` is None where nobody knows, and `problem` says why."""

    source: str
    target: str
    compared: str
    apart: Apart | None = None
    problem: str = ""

    @property
    def words(self) -> str:
        if self.apart is None:
            return f"how far {self.source} is ahead of {self.target} is not known"
        return f"{self.source} is {_words(self.apart)} {self.target}"

    @property
    def drift(self) -> Drift | None:
        """No fault, but worth telling once."""
        if self.apart is None or self.apart == Apart(0, 0):
            return None
        return Drift(DriftKind.AHEAD, "", "", self.words, self.compared)


def _words(apart: Apart) -> str:
    parts = [f"{_commits(apart.ahead)} ahead of"] if apart.ahead else []
    parts += [f"{_commits(apart.behind)} behind"] if apart.behind else []
    return " and ".join(parts) or "level with"


def _commits(count: int) -> str:
    return "1 commit" if count == 1 else f"{count} commits"


def distances(project: Project) -> list[Distance]:
    """One for each environment that promotes from another; none without [github]. GitHub being
    away or saying no is told in them, never raised."""
    if project.config.github is None:
        return []
    try:
        github = project.github()
    except FairleadError as error:
        return [Distance(*pair, "", problem=error.message) for pair in _pairs(project)]
    with closing(github):
        found = [_distance(project, github, *pair) for pair in _pairs(project)]
    return [distance for distance in found if distance is not None]


def _pairs(project: Project) -> Iterator[tuple[str, str]]:
    for name, settings in project.config.environments.items():
        if settings.promotes_from:
            yield settings.promotes_from, name


def _distance(project: Project, github: GitHubClient, source: str, target: str) -> Distance | None:
    ends = _branches(project, source, target) or _running(project, source, target)
    if ends is None:
        return None
    head, base = ends
    compared = f"{base[:40]}...{head[:40]}"
    try:
        apart = Apart(0, 0) if head == base else github.apart(base, head)
    except FairleadError as error:
        return Distance(source, target, compared, problem=error.message)
    return Distance(source, target, compared, apart)


def _branches(project: Project, source: str, target: str) -> tuple[str, str] | None:
    """Their branches, where both have one."""
    head, base = (project.config.environment(name).branch for name in (source, target))
    return (head, base) if head and base else None


def _running(project: Project, source: str, target: str) -> tuple[str, str] | None:
    """The commits that run in them, once something does in both."""
    releases, name = project.store.releases, project.config.project
    head, base = releases.current(name, source), releases.current(name, target)
    return (head.sha, base.sha) if head and base else None
