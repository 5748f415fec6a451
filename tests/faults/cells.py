"""Where a release is when something goes wrong: data."""

from dataclasses import dataclass
from enum import StrEnum

from fairlead.model import StepName


class Moment(StrEnum):
    """`before` the step's intent is written, `during` its act, `after` it and before its outcome
    is written."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Cell:
    """One place in a release. `environment` is the one of its own in which that release is made."""

    moment: Moment
    step: StepName

    @property
    def environment(self) -> str:
        return f"{self.moment}-{self.step}".replace("_", "-")

    def __str__(self) -> str:
        return f"{self.moment} {self.step}"


def cell(written: str) -> Cell:
    """`after deploy`."""
    moment, _, step = written.partition(" ")
    return Cell(Moment(moment), StepName(step))


# Two groups: so many releases go on at once on two cores.
UP_TO_THE_DATABASE = [
    "after preflight",
    "after verify_build",
    "after plan_migrations",
    "after pull_images",
    "during backup_database",
    "after backup_database",
    "during migrate",
    "after migrate",
]
FROM_THE_CONTAINERS_ON = [
    "after check_data",
    "during deploy",
    "after deploy",
    "after check_health",
    "before record",
    "after record",
    "after move_tags",
    "after retire",
]
EVERYWHERE = [UP_TO_THE_DATABASE, FROM_THE_CONTAINERS_ON]
