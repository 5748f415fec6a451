"""What runs is looked at, and what is found is remembered; what a dead process left is settled."""

from collections.abc import Sequence

from prefect import task

from fairlead.approving import expire
from fairlead.branches import Distance
from fairlead.branches import distances as read_distances
from fairlead.commits import note_commits as ask_github
from fairlead.model import DriftChanges
from fairlead.project import Project
from fairlead.settling import Settled
from fairlead.settling import settle_dead as settle_all
from fairlead.telling import tell_forgotten
from fairlead.watching import Look, look_at
from fairlead.watching import note as keep
from tasks.step import task_of


@task(**task_of("settle_dead"))
def settle_dead(project: Project) -> list[Settled]:
    """Before anything is looked at: a release that nobody makes any more is no drift, nor is one
    that nobody has approved in time."""
    expire(project)
    settled = settle_all(project)
    tell_forgotten(project)
    return settled


@task(**{**task_of("look"), "task_run_name": "look-{environment}"})
def look(project: Project, environment: str) -> Look:
    """All hosts of the environment; one that is away is found to be so."""
    return look_at(project, environment)


@task(**task_of("compare_commits"))
def compare_commits(project: Project) -> list[Distance]:
    """How far each environment is ahead of the next; GitHub being away is no failure."""
    return read_distances(project)


@task(**task_of("note_commits"))
def note_commits(project: Project) -> int:
    """When the commits of the last releases were made; GitHub being away is no failure."""
    return ask_github(project)


@task(**task_of("note"))
def note(
    project: Project, looks: Sequence[Look], distances: Sequence[Distance]
) -> list[DriftChanges]:
    """Into the store; what has changed in each environment since the last time."""
    ahead = {distance.target: distance for distance in distances}
    return [keep(project, one, ahead.get(one.environment)) for one in looks]
